#!/usr/bin/env python3
"""Writes renorm.json: what BatchNormalization(renorm=True) of Keras 3.15.1 (tensorflow 2.21) computes in training, with
gradients, and what its weights are afterwards."""
import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

random = np.random.default_rng(3)
CASES = [
    (dict(renorm_momentum=0.8), (5, 3), None),
    (dict(renorm_clipping={"rmin": 0.6, "rmax": 1.1, "dmax": 0.4}, momentum=0.7), (4, 2, 3), None),
    (dict(scale=False, axis=1), (3, 2, 4), None),
    (dict(center=False, renorm_clipping={"dmax": 0.2}), (4, 3), None),
    (dict(), (3, 4, 2), [[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 1]]),
]


def listed(array):
    array = np.asarray(array)
    return {"shape": list(array.shape), "data": [float(n) for n in array.ravel()]}


found = []
for arguments, shape, mask in CASES:
    layer = keras.layers.BatchNormalization(renorm=True, **arguments)
    layer.build((None,) + shape[1:])
    layer.set_weights([random.integers(4, 28, size=w.shape) / 16 for w in layer.weights])
    before = [listed(w) for w in layer.get_weights()]
    x = tf.constant((random.integers(-40, 60, size=shape) / 16).astype("float32"))
    c = (random.integers(-16, 17, size=shape) / 16).astype("float32")
    given = None if mask is None else tf.constant(np.array(mask, dtype=bool))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True, mask=given)
        total = tf.reduce_sum(y * c)
    gradients = tape.gradient(total, [x] + [v.value for v in layer.trainable_variables])
    found.append({
        "config": layer.get_config(),
        "x": listed(x),
        "mask": mask,
        "c": listed(c),
        "weights": before,
        "y": listed(y),
        "gradients": [listed(tf.convert_to_tensor(g)) for g in gradients],
        "after": [listed(w) for w in layer.get_weights()],
        "inference": listed(layer(x)),
    })
Path(__file__).with_suffix(".json").write_text("[\n" + ",\n".join(map(json.dumps, found)) + "\n]\n")
print(len(found), "cases")
