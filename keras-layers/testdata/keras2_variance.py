#!/usr/bin/env python3
"""The moving variance of Keras 2's BatchNormalization after one step, into keras2_variance.json.

Made with tf.keras 2.15.1: inputs of ranks 2 to 5, features last and second.
"""
import json
from pathlib import Path

import numpy as np
import tensorflow as tf

generator = np.random.default_rng(7)
cases = []
for shape, axis in [((5, 3), -1), ((4, 2, 3), -1), ((2, 3, 2, 3), -1), ((2, 3, 2, 4), 1), ((2, 3, 2, 4), 2),
                    ((2, 2, 3, 2, 3), -1), ((1, 1, 1, 3), -1)]:
    x = generator.normal(size=shape).astype("float32")
    layer = tf.keras.layers.BatchNormalization(axis=axis, momentum=0.5)
    try:
        layer(x, training=True)
    except Exception as e:  # A kernel that the processor does not have.
        print(shape, axis, type(e).__name__)
        continue
    cases.append({"axis": axis, "x": {"shape": shape, "data": x.ravel().tolist()},
                  "moving_variance": layer.moving_variance.numpy().tolist()})
text = ",\n".join(json.dumps(case) for case in cases)
Path(__file__).with_suffix(".json").write_text(f"[\n{text}\n]\n")
print(len(cases), "cases")
