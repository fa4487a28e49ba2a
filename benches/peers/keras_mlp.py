"""The MNIST network in Keras: one `fit` whose epochs are the rounds. usage: keras_mlp.py keras-tf|keras-jax DATA"""

import os
import time

import common

options = common.arguments()
os.environ["KERAS_BACKEND"] = {"keras-tf": "tensorflow", "keras-jax": "jax"}[options.peer]
if options.peer == "keras-tf":
    import tensorflow as engine

    engine.config.threading.set_intra_op_parallelism_threads(options.threads)
    engine.config.threading.set_inter_op_parallelism_threads(options.threads)
else:
    import jax as engine
import keras

versions = f"keras {keras.__version__}, {engine.__name__} {engine.__version__}"


class Rounds(keras.callbacks.Callback):
    """An epoch begins when a line asks for it, and ends with the line that tells its time."""

    def on_epoch_begin(self, epoch, logs=None):
        if not common.asked():
            os._exit(0)
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.start
        common.report(options.peer, options.threads, seconds, self.params["steps"], float(logs["accuracy"]), versions)


def network():
    *hidden, classes = common.SIZES[1:]
    model = keras.Sequential([keras.Input((common.SIZES[0],))])
    for units in hidden:
        model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dense(classes))
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3, epsilon=1e-7),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


x, y = common.arrays(options.data)
model = network()
if options.cold:
    start = time.perf_counter()
    history = model.fit(x[: common.BATCH], y[: common.BATCH], batch_size=common.BATCH, verbose=0)
    seconds = time.perf_counter() - start
    common.report(options.peer, options.threads, seconds, 1, history.history["accuracy"][0], versions)
else:
    model.fit(x, y, batch_size=common.BATCH, epochs=1_000_000, verbose=0, callbacks=[Rounds()])
