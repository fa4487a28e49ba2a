"""Makes several_outputs.json: training with several inputs and outputs, as Keras 3.15.1 on TensorFlow does it.

Run with a Python that has keras 3.15.1 and tensorflow 2.21:  python several_outputs.py
"""
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
from keras import layers

rng = np.random.RandomState(5)
N = 10
A = rng.randn(N, 3).astype("float32")
B = rng.randn(N, 2).astype("float32")
Y = rng.randn(N, 2).astype("float32")
Z = rng.randint(0, 2, (N, 1)).astype("float32")
WY = rng.rand(N).astype("float32")
WZ = rng.rand(N).astype("float32")


def numbers(x):
    return {"shape": list(x.shape), "data": [float(v) for v in np.asarray(x, "float64").ravel()]}


def network(kind):
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    policy = "mixed_float16" if kind == "mixed" else "float32"
    keras.config.set_dtype_policy(policy)
    a, b = layers.Input((3,), name="a"), layers.Input((2,), name="b")
    both = layers.Concatenate(name="both")([a, b])
    hidden = layers.Dense(
        4, activation="tanh", name="hidden", kernel_regularizer=keras.regularizers.L2(0.01),
        # Keras cannot add a float16 loss of an activity to losses of float32.
        activity_regularizer=None if kind == "mixed" else keras.regularizers.L1(0.01))(both)
    y = layers.Dense(2, name="y")(hidden)
    z = layers.Dense(1, activation="sigmoid", name="z", dtype="float32")(hidden)
    if kind == "dict":
        outputs = {"first": z, "second": y}
    elif kind == "single":
        outputs = y
    else:
        outputs = [y, z]
    model = keras.Model([a, b], outputs)
    keras.config.set_dtype_policy("float32")
    return model


def run(name, kind, compile, x, y, sample_weight=None, validation_weight=None):
    model = network(kind)
    begin = model.get_weights()
    model.compile(keras.optimizers.SGD(0.1), **compile)
    cut = lambda t, s: keras.tree.map_structure(lambda v: v[s], t)
    train, test = slice(0, 7), slice(7, None)
    val = [cut(x, test), cut(y, test)]
    if validation_weight is not None:
        val.append(cut(validation_weight, test))
    history = model.fit(
        cut(x, train), cut(y, train), sample_weight=None if sample_weight is None else cut(sample_weight, train),
        validation_data=tuple(val), batch_size=3, epochs=2, shuffle=False, verbose=0)
    evaluated = model.evaluate(x, y, sample_weight=sample_weight, batch_size=4, verbose=0)
    evaluated = evaluated if isinstance(evaluated, list) else [evaluated]
    by_name = model.evaluate(x, y, sample_weight=sample_weight, batch_size=4, verbose=0, return_dict=True)
    return {
        "name": name,
        "kind": kind,
        "optimizer": model.optimizer.name,
        "begin": [numbers(w) for w in begin],
        "end": [numbers(w) for w in model.get_weights()],
        "history": [[k, v] for k, v in history.history.items()],
        "evaluate": [float(v) for v in evaluated],
        "evaluate_by_name": [[k, float(v)] for k, v in by_name.items()],
        "predict": [numbers(p) for p in keras.tree.flatten(model.predict(x, verbose=0))],
    }


LIST, BY_NAME = [A, B], {"b": B, "a": A}
bce = "binary_crossentropy"
cases = [
    run("one loss for all", "list", dict(loss="mse"), LIST, [Y, Z]),
    run("lists", "list", dict(loss=["mse", bce], loss_weights=[1.0, 0.25], metrics=[["mae"], ["accuracy", "mae"]],
        weighted_metrics=[["mae"], ["accuracy"]]), LIST, [Y, Z], [WY, WZ], [WZ, WY]),
    run("names", "list", dict(loss={"z": bce, "y": "mse"}, loss_weights={"z": 2.0, "y": 0.5}, metrics={"z": ["acc"]}),
        BY_NAME, [Y, Z], [WY, WZ]),
    # Keras itself takes no weights of samples beside targets by name.
    run("targets by name", "list", dict(loss={"z": bce, "y": "mse"}), BY_NAME, {"z": Z, "y": Y}),
    run("a metric for each", "list", dict(loss="mse", metrics=["mae", "mse"]), BY_NAME, [Y, Z]),
    run("one weight for all", "list", dict(loss=["mse", "mae"], weighted_metrics=["mae", "mse"]), LIST, [Y, Z], WY),
    run("no loss for one", "list", dict(loss=[None, bce]), LIST, [Y, Z]),
    run("outputs by name", "dict", dict(loss={"first": bce, "second": "mse"}, metrics={"first": ["accuracy"], "second": ["mae"]}),
        BY_NAME, {"second": Y, "first": Z}),
    run("one output", "single", dict(loss="mse", metrics=["mae", "mape", "mae"], weighted_metrics=["mae", "mse", "mae"]),
        LIST, Y, WY, WZ),
    run("mixed", "mixed", dict(loss=["mse", bce], metrics=[["mae"], ["accuracy"]]), LIST, [Y, Z]),
]
data = {"a": A, "b": B, "y": Y, "z": Z, "wy": WY, "wz": WZ}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "several_outputs.json"), "w") as f:
    json.dump({"keras": keras.__version__, "data": {k: numbers(v) for k, v in data.items()}, "cases": cases}, f, indent=1)
for c in cases:
    print(c["name"], c["optimizer"], [k for k, _ in c["history"]], c["evaluate"], c["evaluate_by_name"], "\n")
