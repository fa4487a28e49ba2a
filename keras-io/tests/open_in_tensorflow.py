#!/usr/bin/env python3
"""Calls in TensorFlow what keras-io exports. usage: open_in_tensorflow.py GOLDEN_FOLDER [CASE ..]

GOLDEN_FOLDER holds models/* and layers/* with {model.keras,case.json,io.npz}. Each model is read and written as a SavedModel
by `rewrite` (keras-io/examples); what `tf.saved_model.load` gives must predict what Keras predicts when it is called, by
its `serve`, by its signature, and in a TFSMLayer where Keras 3 is there. Needs tensorflow 2.15 or later.
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
binary = shutil.copy(root / "target/debug/examples/rewrite", tempfile.gettempdir() + "/keras-io-rewrite-tf")


def numbered(io, letter):
    names = [k for k in io.files if k[0] == letter and k[1:].isdigit()]
    return [io[k] for k in sorted(names, key=lambda k: int(k[1:]))]


def same(got, expected, info):
    for g, e in zip(tf.nest.flatten(got), expected, strict=True):
        np.testing.assert_allclose(np.array(g).astype(e.dtype), e, atol=info["atol"], rtol=info["rtol"])


def check(path, info, io, names):
    model = tf.saved_model.load(path)
    expected = numbered(io, "y")
    signature = model.signatures["serving_default"]
    known = signature.structured_input_signature[1]
    x = [tf.cast(a, known[name].dtype) for name, a in zip(names, numbered(io, "x"), strict=True)]
    one_or_list = x if len(x) > 1 else x[0]
    same(model(one_or_list), expected, info)
    same(model(one_or_list, training=False), expected, info)
    same(model.serve(one_or_list), expected, info)
    got = signature(**dict(zip(names, x)))
    assert len(got) == len(expected)
    if len(expected) == 1:
        same(got, expected, info)
    assert len(model.variables) >= len(model.trainable_variables)
    if hasattr(tf.keras.layers, "TFSMLayer") and len(x) == 1:
        layer = tf.keras.layers.TFSMLayer(path, call_endpoint="serve")
        same(layer(one_or_list), expected, info)


# Keras computes it wrong, from sums of cumulative sums; we do not.
WRONG_IN_KERAS = "act_sparsemax"
passed, failed, left = [], [], collections.Counter()
with tempfile.TemporaryDirectory() as here:
    for kind in ("models", "layers"):
        for folder in sorted((golden / kind).iterdir()):
            if not (folder / "model.keras").exists() or wanted and folder.name not in wanted:
                continue
            if folder.name == WRONG_IN_KERAS:
                left["compared with Keras, which is wrong there"] += 1
                continue
            target = os.path.join(here, folder.name)
            done = subprocess.run([binary, folder / "model.keras", target + "/"], capture_output=True, text=True)
            if done.returncode:
                left[done.stderr.strip().splitlines()[-1]] += 1
                continue
            try:
                config = json.loads(subprocess.run(["unzip", "-p", folder / "model.keras", "config.json"], capture_output=True).stdout)
                layers = config["config"]["layers"]
                names = [l["config"]["name"] for l in layers if l["class_name"] == "InputLayer"]
                inputs = config["config"].get("input_layers", [names[:1]])
                names = [i[0] for i in (inputs if isinstance(inputs[0], list) else [inputs])]
                check(target, json.loads((folder / "case.json").read_text()), np.load(folder / "io.npz"), names)
                passed.append(folder.name)
            except Exception as e:  # Every way in which it can fail counts.
                failed.append((folder.name, f"{type(e).__name__}: {e}"))
for name, problem in failed:
    print(name, problem[:300].replace("\n", " "))
for problem, count in left.items():
    print(f"{count} not written: {problem[:200]}")
print(f"{len(passed)} passed, {len(failed)} failed, {sum(left.values())} not written")
sys.exit(bool(failed))
