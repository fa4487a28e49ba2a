#!/usr/bin/env python3
"""Opens in real Keras what keras-io writes. usage: open_in_keras.py GOLDEN_FOLDER [CASE ..]

GOLDEN_FOLDER holds train/*/{final.keras,case.json,io.npz} and models/*/{model.keras,case.json,io.npz}. Each model is
read and written by `rewrite` (keras-io/examples), opened by Keras 3 as `.keras`, `.h5`, `.weights.h5` and in shards, and must have
the same weights and predictions; trained ones go on training with the same losses. Needs keras 3.15 and tensorflow.
"""
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np

golden, wanted = Path(sys.argv[1]), sys.argv[2:]
root = Path(__file__).resolve().parents[2]
subprocess.run(["cargo", "build", "-q", "-p", "keras-io", "--example", "rewrite"], cwd=root, check=True)
binary = shutil.copy(root / "target/debug/examples/rewrite", tempfile.gettempdir() + "/keras-io-rewrite")


def cases():
    for kind, file in (("train", "final.keras"), ("models", "model.keras"), ("layers", "model.keras")):
        for folder in sorted((golden / kind).iterdir()):
            if (folder / file).exists() and (not wanted or folder.name in wanted):
                yield folder, folder / file


class Logs(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(dict(logs))


def rewrite(source, target):
    done = subprocess.run([binary, source, target], capture_output=True, text=True)
    # A model that lost its optimizer, because that does not exist here yet, counts as not written.
    return done.stderr if done.returncode or "not compiled" in done.stderr else None


def same(a, b, info, what):
    np.testing.assert_allclose(a, b, atol=info["atol"], rtol=info["rtol"], err_msg=what)


def check(folder, model, io, info, resumes):
    original = keras.models.load_model(folder / ("final.keras" if folder.parent.name == "train" else "model.keras"), safe_mode=False)
    assert len(model.weights) == len(original.weights)
    for a, b in zip(model.weights, original.weights):
        assert np.array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b)), a.path
    x = [io[k] for k in sorted((k for k in io.files if k[0] == "x" and k[1:].isdigit()), key=lambda k: int(k[1:]))]
    x = x if len(x) > 1 else x[0]
    ours, theirs = (keras.tree.flatten(m(x, training=False)) for m in (model, original))
    for a, b in zip(ours, theirs, strict=True):
        same(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b), info, "prediction")
    if not resumes:
        return
    logs = Logs()
    extra = {"sample_weight": io["sw"]} if "sw" in io.files else {}
    if info["class_weight"]:
        extra["class_weight"] = {int(k): v for k, v in info["class_weight"].items()}
    model.fit(x, io["y0"], batch_size=info["batch_size"], epochs=1, shuffle=False, verbose=0, callbacks=[logs], **extra)
    for got, expected in zip(logs.seen, info["resume_logs_per_batch"], strict=True):
        for name, value in expected.items():
            same(got[name], value, info, f"resumed {name}")


# Files that Keras cannot read back when it writes them itself, either.
NOT_READ_BY_KERAS = {"train/opt_lamb.h5": "Keras 3.15 does not find Lamb in a legacy file"}
passed, failed, left = [], [], []
with tempfile.TemporaryDirectory() as here:
    for folder, source in cases():
        info = json.loads((folder / "case.json").read_text())
        io = np.load(folder / "io.npz")
        resumes = source.name == "final.keras"
        for extension in (".keras", ".h5", ".weights.h5", ".weights.json"):
            name = f"{folder.parent.name}/{folder.name}{extension}"
            target = os.path.join(here, "ours" + extension)
            if name in NOT_READ_BY_KERAS:
                left.append((name, NOT_READ_BY_KERAS[name]))
                continue
            problem = rewrite(str(source), target)
            if problem:
                left.append((name, problem.strip().splitlines()[-1]))
                continue
            try:
                if extension.startswith(".weights"):
                    model = keras.models.load_model(source, safe_mode=False)
                    model.set_weights([0 * keras.ops.convert_to_numpy(w) for w in model.weights])
                    model.load_weights(target)
                else:
                    model = keras.models.load_model(target)
                # Keras itself cannot train on what it reads from a legacy file: its optimizer knows no variable.
                check(folder, model, io, info, resumes and extension != ".h5")
                passed.append(name)
            except Exception as e:  # Every way in which Keras can fail counts.
                failed.append((name, f"{type(e).__name__}: {e}"))
for name, problem in failed:
    print(name, problem[:300].replace("\n", " "))
for problem, count in collections.Counter(problem for _, problem in left).items():
    print(f"{count} not written: {problem[:200]}")
print(f"{len(passed)} opened, {len(failed)} failed, {len(left)} not written")
sys.exit(bool(failed))
