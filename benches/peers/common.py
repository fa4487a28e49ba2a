"""What the Python peers share: their arguments, their data, the lines that they print."""

import argparse
import json
import os
import sys

SIZES = (784, 256, 128, 64, 32, 10)
BATCH = 32


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("data", help="folder written by `w1 export`")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cold", action="store_true", help="one step, then a line")
    options = parser.parse_args()
    # Libraries read these when they are imported.
    os.environ.update(
        OMP_NUM_THREADS=str(options.threads),
        TF_CPP_MIN_LOG_LEVEL="3",
        CUDA_VISIBLE_DEVICES="-1",
        JAX_PLATFORMS="cpu",
    )
    return options


def arrays(folder):
    """Images [samples, 784] from 0 to 1 and labels [samples, 10] with a one at the class."""
    import numpy as np

    images = np.fromfile(os.path.join(folder, "images.u8"), np.uint8).reshape(-1, 784)
    labels = np.fromfile(os.path.join(folder, "labels.u8"), np.uint8)
    return images.astype("float32") / 255, np.eye(10, dtype="float32")[labels]


def report(peer, threads, seconds, steps, accuracy, versions):
    line = {"w": "w1", "peer": peer, "threads": threads, "us_step": seconds / steps * 1e6, "acc": accuracy}
    print(json.dumps({**line, "versions": versions}), flush=True)


def asked():
    """Waits for the line that asks for a round; whether there is one."""
    return bool(sys.stdin.readline())
