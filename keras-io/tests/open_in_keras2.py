#!/usr/bin/env python3
"""Opens in tf.keras 2.15 what keras-io writes. usage: open_in_keras2.py GOLDEN_FOLDER [CASE ..]

GOLDEN_FOLDER holds models/* and layers/* with {model_k2.keras,case_k2.json,io_k2.npz}. Each model is read and written by
`rewrite` (keras-io/examples) as a checkpoint and as a legacy `.h5`, the weights of which must fit the model as Keras 2
has it and give the same predictions; the whole model in the `.h5` must open, too. Needs tensorflow 2.15.
"""
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf

golden, wanted = Path(sys.argv[1]), sys.argv[2:]
root = Path(__file__).resolve().parents[2]
subprocess.run(["cargo", "build", "-q", "-p", "keras-io", "--example", "rewrite"], cwd=root, check=True)
binary = shutil.copy(root / "target/debug/examples/rewrite", tempfile.gettempdir() + "/keras-io-rewrite2")


def cases():
    for kind, file in (("train", "final_k2.keras"), ("models", "model_k2.keras"), ("layers", "model_k2.keras")):
        for folder in sorted((golden / kind).iterdir()):
            if (folder / file).exists() and (not wanted or folder.name in wanted):
                yield folder, folder / file


def outputs(model, io):
    x = [io[k] for k in sorted((k for k in io.files if k[0] == "x" and k[1:].isdigit()), key=lambda k: int(k[1:]))]
    return [np.array(y) for y in tf.nest.flatten(model(x if len(x) > 1 else x[0], training=False))]


def check(model, io, info, expected):
    for got, wanted in zip(outputs(model, io), expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=info["atol"], rtol=info["rtol"], err_msg="prediction")


def zeroed(source):
    model = tf.keras.models.load_model(source, safe_mode=False)
    model.set_weights([0 * w for w in model.get_weights()])
    return model


# Whole models in `.h5` for which Keras 2 and Keras 3 have no form in common; they are written for Keras 3.
NO_COMMON_FORM = {
    "opt_adamw": "Keras 2 knows this optimizer only by a setting that Keras 3 refuses",
    "opt_lion": "Keras 2 knows this optimizer only by a setting that Keras 3 refuses",
    "nested_shared": "calls of a model in a graph are counted from 1 in Keras 2, from 0 in Keras 3",
    "siamese": "calls of a model in a graph are counted from 1 in Keras 2, from 0 in Keras 3",
    "transformer_block": "Keras 3 does not find tensors in the named arguments of a Keras 2 graph",
    "mha_self": "Keras 3 does not find tensors in the named arguments of a Keras 2 graph",
}
results = collections.defaultdict(list)
with tempfile.TemporaryDirectory() as here:
    for folder, source in cases():
        told = folder / "case_k2.json"
        info = json.loads((told if told.exists() else folder / "case.json").read_text())
        io = np.load(folder / "io_k2.npz")
        try:
            original = tf.keras.models.load_model(source, safe_mode=False)
        except TypeError as e:  # A class of the case's own.
            results["not written"].append((folder.name, str(e)))
            continue
        expected = outputs(original, io)
        for kind in ("ckpt", "h5 weights", "h5 model"):
            name = f"{folder.parent.name}/{folder.name} {kind}"
            if kind == "h5 model" and folder.name in NO_COMMON_FORM:
                results["no common form"].append((name, NO_COMMON_FORM[folder.name]))
                continue
            target = os.path.join(here, folder.name + "." + kind.split()[0])
            done = subprocess.run([binary, source, target], capture_output=True, text=True)
            if done.returncode:
                results["not written"].append((name, done.stderr.strip().splitlines()[-1]))
                continue
            try:
                if kind == "ckpt" and not original.weights:
                    continue  # Keras itself refuses to load nothing.
                if kind == "ckpt":
                    model = zeroed(source)
                    model.load_weights(target).assert_existing_objects_matched().expect_partial()
                    assert len(tf.train.load_checkpoint(target).get_variable_to_shape_map()) > len(model.weights)
                elif kind == "h5 weights":
                    model = zeroed(source)
                    model.load_weights(target)
                else:
                    model = tf.keras.models.load_model(target)
                check(model, io, info, expected)
                results[kind].append(name)
            except Exception as e:  # Every way in which Keras can fail counts.
                results["failed " + kind].append((name, f"{type(e).__name__}: {e}"))
for kind, found in results.items():
    if kind.startswith("failed") or kind in ("not written", "no common form"):
        for name, problem in found:
            print(name, problem[:250].replace("\n", " "))
print({kind: len(found) for kind, found in results.items()})
sys.exit(any(kind.startswith("failed") for kind in results))
