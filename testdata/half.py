"""What Keras on TensorFlow's CPU computes in 16 bits: writes half.json."""
import json
import os

import keras
import numpy as np

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "half.json")
rng = np.random.default_rng(7)
L = keras.layers
CASES = [
    ("Dense", lambda d: L.Dense(5, activation="gelu", dtype=d), (3, 40)),
    ("Conv2D", lambda d: L.Conv2D(4, 3, padding="same", activation="relu", dtype=d), (2, 5, 6, 3)),
    ("DepthwiseConv2D", lambda d: L.DepthwiseConv2D(3, dtype=d), (2, 5, 6, 3)),
    ("BatchNormalization", lambda d: L.BatchNormalization(dtype=d), (6, 5)),
    ("LayerNormalization", lambda d: L.LayerNormalization(dtype=d), (3, 20)),
    ("GroupNormalization", lambda d: L.GroupNormalization(2, dtype=d), (3, 6)),
    ("RMSNormalization", lambda d: L.RMSNormalization(dtype=d), (3, 20)),
    ("Softmax", lambda d: L.Softmax(dtype=d), (3, 20)),
    ("LSTM", lambda d: L.LSTM(4, recurrent_initializer="glorot_uniform", dtype=d), (2, 6, 3)),
    ("GRU", lambda d: L.GRU(4, recurrent_initializer="glorot_uniform", dtype=d), (2, 6, 3)),
    ("MultiHeadAttention", lambda d: L.MultiHeadAttention(2, 3, dtype=d), (2, 5, 6)),
]


def flat(a):
    return [float(f"{v:.9g}") for v in np.asarray(a).astype("float64").ravel()]


cases = []
for name, make, shape in CASES:
    x = rng.normal(size=shape).astype("float32")
    values = None
    for policy in ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"]:
        layer = make(policy)
        inputs = [x, x] if name == "MultiHeadAttention" else [x]
        layer.build(*[x.shape for x in inputs])
        if values is None:
            values = [rng.uniform(0.2, 1.0, size=w.shape).astype("float32") * rng.choice([1, 1 if "moving" in w.name or "gamma" in w.name else -1], size=w.shape) for w in layer.weights]
        layer.set_weights(values)
        training = name == "BatchNormalization"
        y = layer(*inputs, training=training)
        cases.append({
            "class": name, "policy": policy, "config": keras.saving.serialize_keras_object(layer),
            "shape": shape, "inputs": len(inputs), "x": flat(x), "weights": [flat(v) for v in values],
            "dtype": str(keras.backend.standardize_dtype(y.dtype)), "y": flat(keras.ops.cast(y, "float32")),
            "after": [flat(keras.ops.cast(w, "float32")) for w in layer.weights] if training else [],
        })
json.dump(cases, open(OUT, "w"), separators=(",", ":"))
print(len(cases), os.path.getsize(OUT))
