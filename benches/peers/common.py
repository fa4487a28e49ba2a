"""What the Python peers share: their arguments, their data, and how they answer.

A peer prepares one workload, then does a round for every line of its input, of so many steps as the line says, and answers
with a line of JSON: `seconds`, `steps`, `peak_mb`, `versions`, and a `result` that shows that the work was done.
"""

import argparse
import json
import os
import resource
import sys
import time

# The MNIST network: widths, input first.
SIZES = (784, 256, 128, 64, 32, 10)
CLASSES = 10


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("workload")
    parser.add_argument("--steps", type=int, default=1, help="steps of a round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1, help="samples, where the workload leaves that open")
    parser.add_argument("--data", help="folder written by `workload export`")
    parser.add_argument("--file", help="the model that is read")
    parser.add_argument("--serve", action="store_true", help="a round for every line of the input")
    options = parser.parse_args()
    # Libraries read these when they are imported.
    os.environ.update(
        OMP_NUM_THREADS=str(options.threads),
        TF_CPP_MIN_LOG_LEVEL="3",
        CUDA_VISIBLE_DEVICES="-1",
        JAX_PLATFORMS="cpu",
    )
    return options


def digits(folder, samples=60_000):
    """Images [samples, 784] from 0 to 1 and labels [samples, 10] with a one at the class."""
    import numpy as np

    images = np.fromfile(os.path.join(folder, "images.u8"), np.uint8).reshape(-1, SIZES[0])[:samples]
    labels = np.fromfile(os.path.join(folder, "labels.u8"), np.uint8)[:samples]
    return images.astype("float32") / 255, np.eye(CLASSES, dtype="float32")[labels]


def pictures(count):
    """Random pictures [count, 224, 224, 3]."""
    import numpy as np

    return np.random.default_rng(5).random((count, 224, 224, 3), dtype="float32")


def one_hot(count, classes=1000):
    """Labels [count, classes]: sample number i is of class i."""
    import numpy as np

    return np.eye(classes, dtype="float32")[np.arange(count)]


def sequences(batches, batch=32, length=200, words=20_000):
    """W6's batches: words [batch, length] and what they say [batch, 1]."""
    import numpy as np

    random = np.random.default_rng(6)
    draw = lambda end, *shape: random.integers(0, end, shape)
    return [(draw(words, batch, length).astype("int32"), draw(2, batch, 1).astype("float32")) for _ in range(batches)]


def vectors(batch=16, length=128, width=256):
    """W7's batch: [batch, length, width], and classes [batch]."""
    import numpy as np

    random = np.random.default_rng(7)
    return random.random((batch, length, width), dtype="float32"), random.integers(0, CLASSES, batch).astype("int32")


def answer(seconds, steps, result, versions):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    line = {"seconds": seconds, "steps": steps, "peak_mb": peak, "result": str(result), "versions": versions}
    print(json.dumps(line), flush=True)


def asked():
    """Waits for the line that asks for a round: its number of steps, or 0 if there is none."""
    line = sys.stdin.readline()
    return int(line) if line else 0


def serve(options, step, versions):
    """Answers rounds; `step` does one step, and what the last one gives is the result."""

    def round_of(steps):
        start = time.perf_counter()
        for _ in range(steps):
            result = step()
        # Libraries that compute later must be made to finish: whoever asks for a value waits for it.
        result = result() if callable(result) else result
        answer(time.perf_counter() - start, steps, result, versions)

    if not options.serve:
        return round_of(options.steps)
    while steps := asked():
        round_of(steps)
