#!/usr/bin/env python3
"""Runs in ONNX Runtime what keras-io exports. usage: open_in_onnxruntime.py GOLDEN_FOLDER [CASE ..]

GOLDEN_FOLDER holds models/* and layers/* with {model.keras,case.json,io.npz}. Each model is read and written as `.onnx` by
`rewrite` (keras-io/examples), checked by onnx.checker, and must predict what Keras predicts; once more on the samples
twice over, because any number of them may come. Needs onnx, onnxruntime and numpy.
"""
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

golden, wanted = Path(sys.argv[1]), sys.argv[2:]
root = Path(__file__).resolve().parents[2]
subprocess.run(["cargo", "build", "-q", "-p", "keras-io", "--example", "rewrite"], cwd=root, check=True)
binary = shutil.copy(root / "target/debug/examples/rewrite", tempfile.gettempdir() + "/keras-io-rewrite-onnx")
onnxruntime.set_default_logger_severity(4)


def numbered(io, letter):
    names = [k for k in io.files if k[0] == letter and k[1:].isdigit()]
    return [io[k] for k in sorted(names, key=lambda k: int(k[1:]))]


def check(path, info, io):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x, expected = numbered(io, "x"), numbered(io, "y")
    fixed = any(isinstance(i.shape[0], int) for i in session.get_inputs())
    for times in (1,) if fixed else (1, 2):
        feed = {i.name: np.concatenate([a] * times) for i, a in zip(session.get_inputs(), x, strict=True)}
        got = session.run(None, feed)
        for g, e in zip(got, expected, strict=True):
            e = np.concatenate([e] * times)
            np.testing.assert_allclose(g.astype(e.dtype), e, atol=info["atol"], rtol=info["rtol"])


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
            target = os.path.join(here, "model.onnx")
            done = subprocess.run([binary, folder / "model.keras", target], capture_output=True, text=True)
            if done.returncode:
                left[done.stderr.strip().splitlines()[-1]] += 1
                continue
            try:
                check(target, json.loads((folder / "case.json").read_text()), np.load(folder / "io.npz"))
                passed.append(folder.name)
            except Exception as e:  # Every way in which it can fail counts.
                failed.append((folder.name, f"{type(e).__name__}: {e}"))
for name, problem in failed:
    print(name, problem[:400].replace("\n", " "))
for problem, count in left.items():
    print(f"{count} not written: {problem[:200]}")
print(f"{len(passed)} passed, {len(failed)} failed, {sum(left.values())} not written")
sys.exit(bool(failed))
