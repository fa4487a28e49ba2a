#!/usr/bin/env python3
"""Compares loading a model file of ResNet50's size (25 million parameters, 100 MB) with real Keras, in turns.

usage: load.py [--rounds N] [--envs FOLDER]
Build first: cargo build --release -p keras-benches. The Python environment `tf` comes from peers/setup.sh.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.environ.get("CARGO_TARGET_DIR") or os.path.join(HERE, "..", "..", "target")
BINARY = os.path.join(TARGET, "release", "load")
MAKE = """
import sys, keras
layers = [keras.layers.Dense(1024) for _ in range(24)]
keras.Sequential([keras.Input((512,)), *layers]).save(sys.argv[1])
"""
LOAD = """
import json, resource, sys, time, keras
start = time.time()
model = keras.models.load_model(sys.argv[1])
seconds = time.time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"seconds": seconds, "peak_mb": peak, "parameters": model.count_params()}))
"""

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--envs", default="~/.cache/keras-peers")
options = parser.parse_args()
python = os.path.join(os.path.expanduser(options.envs), "tf", "bin", "python")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "model.keras")
    subprocess.run([python, "-c", MAKE, path], check=True, capture_output=True)
    contestants = {"keras-rust": [BINARY, path], "keras": [python, "-c", LOAD, path]}
    runs = {name: [] for name in contestants}
    for _ in range(options.rounds):
        for name, command in contestants.items():
            runs[name].append(run(*command))
    assert len({r["parameters"] for all in runs.values() for r in all}) == 1
    ratios = [b["seconds"] / a["seconds"] for a, b in zip(runs["keras-rust"], runs["keras"])]
    print("| loads with | median s | peak MB of the process |\n|---|---|---|")
    for name, all in runs.items():
        seconds = statistics.median(r["seconds"] for r in all)
        print(f"| {name} | {seconds:.3f} | {max(r['peak_mb'] for r in all)} |")
    print(f"keras / keras-rust, by round: {statistics.median(ratios):.1f} ({min(ratios):.1f}..{max(ratios):.1f})")
