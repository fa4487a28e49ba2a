#!/usr/bin/env python3
"""Trains the golden network with an embedding anew on Keras's JAX backend, into golden.zip.

usage: dense_gradients.py GOLDEN_FOLDER, after pack.py. On TensorFlow, Keras's optimizers square the gradient of an
embedding before rows of one word are summed (IndexedSlices); on its other backends, and here, gradients are dense.
Made with Keras 3.15.1 on jax 0.10.2.
"""
import io
import json
import os
import sys
import zipfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
import keras  # noqa: E402
import numpy as np  # noqa: E402

NAME = "embedding_mask_adam"
case = Path(sys.argv[1]) / "train" / NAME
info = json.loads((case / "case.json").read_text())
arrays = dict(np.load(case / "io.npz"))
model = keras.models.load_model(case / "init.keras")
x, y, size = arrays["x0"], arrays["y0"], info["batch_size"]


class Logs(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append({k: float(v) for k, v in logs.items()})


def fit(epochs):
    logs = Logs()
    history = model.fit(x, y, batch_size=size, epochs=epochs, shuffle=False, verbose=0, callbacks=[logs])
    return logs.seen, {k: [float(v) for v in vs] for k, vs in history.history.items()}


info["running_logs_per_batch"], info["history"] = fit(info["epochs"])
arrays.update({f"wf{i}": w for i, w in enumerate(model.get_weights())})
state = model.optimizer.variables
# A model that was loaded has no part of its own in the paths.
paths = [path.replace("adam/emb_", "adam/") for path, _ in info["optimizer_vars"]]
assert [v.path for v in state] == paths, [v.path for v in state]
arrays.update({f"ov{i}": np.array(v) for i, v in enumerate(state)})
arrays["pred"] = model.predict(x, batch_size=size, verbose=0)
measured = model.evaluate(x, y, batch_size=size, verbose=0, return_dict=True)
info["evaluate"] = {k: float(v) for k, v in measured.items()}
info["resume_logs_per_batch"], _ = fit(1)

with zipfile.ZipFile(case / "init.keras") as z:
    config = z.read("config.json")
npz = io.BytesIO()
np.savez_compressed(npz, **arrays)
members = {"case.json": json.dumps(info).encode(), "config.json": config, "io.npz": npz.getvalue()}
with zipfile.ZipFile(Path(__file__).parent / "golden.zip", "a") as z:
    for member, data in members.items():
        z.writestr(zipfile.ZipInfo(f"train_dense/{NAME}/{member}", (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)
