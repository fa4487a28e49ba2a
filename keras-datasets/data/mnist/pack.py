"""Packs images of MNIST for this folder: `python pack.py mnist.npz`, with zstd on the path.

Most pixels are zero. An image file is kept as two streams, because a general decoder takes four times as long for the
pixels themselves: runs, pairs of bytes (so many zeros, so many other pixels), and the values of those others.
"""

import subprocess
import sys

import numpy as np

PARTS = 4


def streams(pixels):
    runs, zeros = bytearray(), 0
    is_other = pixels != 0
    bounds = np.flatnonzero(np.diff(is_other)) + 1
    for part in np.split(is_other, bounds):
        for first in range(0, len(part), 255):
            count = min(255, len(part) - first)
            if part[0]:
                runs += bytes([zeros, count])
                zeros = 0
            else:
                if zeros:
                    runs += bytes([zeros, 0])
                zeros = count
    if zeros:
        runs += bytes([zeros, 0])
    return bytes(runs), pixels[is_other].tobytes()


def write(name, content, *options):
    command = ["zstd", "-q", "-f", *options, "-o", f"{name}.zst"]
    subprocess.run(command, input=content, check=True)


def images(name, pixels):
    runs, values = streams(pixels.ravel())
    write(f"{name}.runs", runs, "-1")
    # Matches in values take longer to decode than they save.
    write(f"{name}.values", values, "--fast=100", "--compress-literals")


with np.load(sys.argv[1]) as data:
    for i, part in enumerate(np.split(data["x_train"], PARTS)):
        images(f"train-images-{i}", part)
    images("test-images", data["x_test"])
    write("train-labels", data["y_train"].tobytes(), "-19")
    write("test-labels", data["y_test"].tobytes(), "-19")
