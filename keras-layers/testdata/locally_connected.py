#!/usr/bin/env python3
"""Writes locally_connected.json: what tf.keras 2.15 (tensorflow-cpu 2.15.1) computes with LocallyConnected1D and 2D."""
import json
from pathlib import Path

import numpy as np
import tensorflow as tf

layers = tf.keras.layers
random = np.random.default_rng(1)
CASES = [
    (layers.LocallyConnected1D(3, 2, name="a"), (2, 5, 2)),
    (layers.LocallyConnected1D(2, 3, strides=2, activation="relu", use_bias=False, name="b"), (2, 8, 3)),
    (layers.LocallyConnected2D(2, (2, 3), activation="tanh", name="c"), (2, 4, 5, 2)),
    (layers.LocallyConnected2D(3, 2, strides=(2, 1), name="d"), (1, 5, 4, 1)),
    (layers.LocallyConnected2D(2, 2, data_format="channels_first", name="e"), (2, 3, 4, 3)),
]


def listed(array):
    return {"shape": list(array.shape), "data": [round(float(n), 6) for n in array.ravel()]}


found = []
for layer, shape in CASES:
    x = random.normal(size=shape).astype("float32")
    layer.build((None,) + shape[1:])
    layer.set_weights([random.normal(size=w.shape).astype("float32") for w in layer.get_weights()])
    found.append({
        "class_name": type(layer).__name__,
        "config": layer.get_config(),
        "x": listed(x),
        "weights": [listed(w) for w in layer.get_weights()],
        "y": listed(layer(x).numpy()),
    })
Path(__file__).with_suffix(".json").write_text(json.dumps(found) + "\n")
print(len(found), "cases, tensorflow", tf.__version__)
