"""Trains two weights with Keras 3.15.1 on TensorFlow 2.21 and writes trajectories.json.gz."""
import gzip
import json

import keras
import numpy as np

CASES = [
    ("SGD", dict(momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("SGD", dict(clipvalue=0.3)),
    ("RMSprop", dict(momentum=0.9, centered=True)),
    ("RMSprop", dict()),
    ("Adam", dict(amsgrad=True)),
    ("Adam", dict(clipnorm=0.5)),
    ("Adam", dict(use_ema=True, ema_overwrite_frequency=4, gradient_accumulation_steps=3)),
    ("AdamW", dict(global_clipnorm=0.7)),
    ("Adagrad", dict()),
    ("Adadelta", dict(learning_rate=1.0)),
    ("Adamax", dict()),
    ("Nadam", dict(loss_scale_factor=16.0)),
    ("Ftrl", dict(l1_regularization_strength=0.01, l2_regularization_strength=0.1,
                  l2_shrinkage_regularization_strength=0.05, beta=0.2)),
    ("Lion", dict(weight_decay=0.1)),
]
random = np.random.RandomState(0)
draw = lambda: [random.randn(3, 2).astype("float32"), random.randn(4).astype("float32")]
lists = lambda arrays: [np.asarray(a).tolist() for a in arrays]
cases = []
for name, arguments in CASES:
    keras.backend.clear_session()
    optimizer = getattr(keras.optimizers, name)(**{"learning_rate": 0.05, **arguments})
    init, gradients = draw(), [draw() for _ in range(12)]
    weights = [keras.Variable(w, name=n) for w, n in zip(init, ["a", "b"])]
    for g in gradients:
        optimizer.apply_gradients(zip([keras.ops.convert_to_tensor(x) for x in g], weights))
    cases.append({
        "optimizer": keras.optimizers.serialize(optimizer),
        "init": lists(init),
        "gradients": [lists(g) for g in gradients],
        "weights": lists(w.numpy() for w in weights),
        "state": [[v.path, v.numpy().tolist()] for v in optimizer.variables],
    })
with gzip.GzipFile("trajectories.json.gz", "wb", mtime=0) as f:
    f.write(json.dumps(cases).encode())
