"""Writes locally_connected.json: what LocallyConnected1D and 2D of Keras 2.15 compute, with gradients.

python -m venv k2 && k2/bin/pip install tensorflow-cpu==2.15.1 && k2/bin/python locally_connected.py
"""

import json
import pathlib

import numpy as np
import tensorflow as tf

LAYERS = tf.keras.layers
random = np.random.default_rng(7)

# Class, arguments, sizes in space, channels.
CASES = [
    ("LocallyConnected1D", dict(filters=3, kernel_size=3), [6], 2),
    ("LocallyConnected1D", dict(filters=2, kernel_size=2, strides=2, activation="tanh"), [7], 3),
    ("LocallyConnected1D", dict(filters=2, kernel_size=2, padding="same"), [5], 3),
    ("LocallyConnected1D", dict(filters=3, kernel_size=3, padding="same", strides=2, use_bias=False), [6], 2),
    ("LocallyConnected2D", dict(filters=2, kernel_size=[2, 3]), [4, 5], 2),
    ("LocallyConnected2D", dict(filters=3, kernel_size=2, strides=[2, 1], use_bias=False), [5, 3], 2),
    ("LocallyConnected2D", dict(filters=2, kernel_size=[3, 2], padding="same"), [3, 4], 2),
    ("LocallyConnected2D", dict(filters=2, kernel_size=[4, 3], padding="same", strides=[1, 2]), [3, 4], 3),
]


def numbers(shape):
    return random.integers(-20, 21, size=shape).astype("float32") / 16


def written(a):
    a = np.asarray(a)
    return {"shape": list(a.shape), "data": [float(v) for v in a.ravel()]}


def case(name, arguments, space, channels):
    first = arguments["data_format"] == "channels_first"
    x = tf.constant(numbers([2, channels, *space] if first else [2, *space, channels]))
    layer = getattr(LAYERS, name)(name="layer", **arguments)
    layer.build(x.shape)
    layer.set_weights([numbers(w.shape) for w in layer.weights])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        c = numbers(y.shape)
        total = tf.reduce_sum(y * c)
    gradients = tape.gradient(total, [x, *layer.weights])
    return {
        "class_name": name,
        "config": layer.get_config(),
        "x": written(x),
        "weights": [written(w) for w in layer.get_weights()],
        "names": [w.name.split("/")[-1].split(":")[0] for w in layer.weights],
        "y": written(y),
        "c": written(c),
        "gradients": [written(tf.convert_to_tensor(g)) for g in gradients],
    }


cases = [
    case(name, dict(arguments, implementation=implementation, data_format=data_format), space, channels)
    for name, arguments, space, channels in CASES
    for implementation in (1, 2, 3)
    for data_format in ("channels_last", "channels_first")
    if implementation != 1 or arguments.get("padding") != "same"
]
text = "[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n"
pathlib.Path(__file__).with_suffix(".json").write_text(text)
print(len(cases), "cases")
