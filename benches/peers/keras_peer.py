"""The workloads in Keras. usage: keras_peer.py keras-tf|keras-jax|keras-tf-call|keras-tf-predict WORKLOAD [--steps N] ..."""

import itertools
import os
import time

import common

options = common.arguments()
os.environ["KERAS_BACKEND"] = "jax" if options.peer == "keras-jax" else "tensorflow"
if options.peer == "keras-jax":
    import jax as engine
else:
    import tensorflow as engine

    engine.config.threading.set_intra_op_parallelism_threads(options.threads)
    engine.config.threading.set_inter_op_parallelism_threads(options.threads)
import keras
from keras import layers

versions = f"keras {keras.__version__}, {engine.__name__} {engine.__version__}"


class Rounds(keras.callbacks.Callback):
    """An epoch begins when a line asks for it, and ends with the line that tells its time."""

    def on_epoch_begin(self, epoch, logs=None):
        if options.serve and not common.asked():
            os._exit(0)
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.start
        common.answer(seconds, options.steps, logs["accuracy"], versions)
        if not options.serve:
            os._exit(0)


def fitting(model, x, y, batch):
    """One call of `fit` whose epochs are the rounds, all of `--steps`, which must divide the steps of a pass."""
    rounds = {"epochs": 1_000_000, "steps_per_epoch": options.steps, "callbacks": [Rounds()]}
    model.fit(x, y, batch_size=batch, verbose=0, **rounds)


def training(model, batches):
    """A step is a call of `train_on_batch` with the next of these batches."""
    turns = itertools.cycle(batches)
    common.serve(options, lambda: model.train_on_batch(*next(turns)), versions)


def predicting(model, x):
    """A step is a prediction in the way that the peer's name says."""
    ways = {
        "keras-tf-call": lambda: model(x, training=False),
        "keras-tf-predict": lambda: model.predict(x, verbose=0),
    }
    step = ways.get(options.peer, lambda: model.predict_on_batch(x))
    common.serve(options, lambda: lambda y=step(): float(y[0][0]), versions)


def mlp():
    *hidden, classes = common.SIZES[1:]
    dense = [layers.Dense(units, activation="relu") for units in hidden]
    return keras.Sequential([keras.Input((common.SIZES[0],)), *dense, layers.Dense(classes)])


def compiled_mlp():
    model = mlp()
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"])
    return model


def w1():
    fitting(compiled_mlp(), *common.digits(options.data), 32)


def cold():
    x, y = common.digits(options.data)
    model = compiled_mlp()
    fit = lambda: model.fit(x[:32], y[:32], batch_size=32, verbose=0).history["accuracy"][0]
    common.serve(options, fit, versions)


def tiny():
    x = common.pictures(1).reshape(-1)[: options.batch * common.SIZES[0]].reshape(options.batch, -1)
    predicting(mlp(), x)


def w2():
    x, y = common.digits(options.data, 60 * 128)
    stack = [
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(common.CLASSES, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((28, 28, 1)), *stack])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    fitting(model, x.reshape(-1, 28, 28, 1), y, 128)


def w3():
    predicting(keras.applications.ResNet50(weights=None), common.pictures(options.batch))


def w5():
    predicting(keras.applications.MobileNetV2(weights=None), common.pictures(options.batch))


def w4():
    model = keras.applications.ResNet50(weights=None)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "categorical_crossentropy")
    training(model, [(common.pictures(options.batch), common.one_hot(options.batch))])


def w6():
    stack = [layers.Embedding(20_000, 128), layers.LSTM(128), layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((200,), dtype="int32"), *stack])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    training(model, common.sequences(6))


def w7():
    length, width, heads = 128, 256, 8
    x = given = keras.Input((length, width))
    for _ in range(4):
        seen = layers.MultiHeadAttention(heads, width // heads)(x, x)
        x = layers.LayerNormalization(epsilon=1e-6)(x + seen)
        wide = layers.Dense(4 * width, activation="relu")(x)
        x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dense(width)(wide))
    logits = layers.Dense(common.CLASSES)(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(given, logits)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    training(model, [common.vectors()])


def w8():
    if options.file.endswith(".keras"):
        step = lambda: keras.models.load_model(options.file).count_params()
    else:
        model = keras.applications.ResNet50(weights=None)
        step = lambda: model.load_weights(options.file)
    common.serve(options, step, versions)


globals()[options.workload]()
