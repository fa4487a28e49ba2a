#!/usr/bin/env python3
"""Makes own_*.weights.h5: weights files for a network of Dense layers that lead elsewhere, or in circles. Needs h5py."""
from pathlib import Path

import h5py
import numpy as np

here = Path(__file__).parent
W, B = np.zeros((4, 3), "f4"), np.zeros(3, "f4")


def make(name, fill, **how):
    with h5py.File(here / f"own_{name}.weights.h5", "w", **how) as f:
        f["elsewhere/0"], f["elsewhere/1"] = W, B
        fill(f, f.create_group("layers/dense"), f.create_group("layers/dense_1/vars"))


def soft(f, dense, other):
    dense["vars"] = h5py.SoftLink("/elsewhere")


def soft_dataset(f, dense, other):
    dense.create_group("vars")["0"] = h5py.SoftLink("/elsewhere/0")
    dense["vars/1"] = B


def external(f, dense, other):
    dense["vars"] = h5py.ExternalLink("/etc/secret.h5", "/elsewhere")


def circle(f, dense, other):
    dense["vars/0"], dense["vars/1"] = W, B
    dense["again"] = f["/"]
    other["0"], other["1"] = np.zeros((3, 2), "f4"), np.zeros(2, "f4")


def text(f, dense, other):
    dense["vars/0"], dense["vars/1"] = np.array([["text"] * 3] * 4, h5py.string_dtype()), B


def names(f, dense, other):
    dense["vars/one"], dense["vars/two"] = W, B


for fill in (soft, soft_dataset, external, circle, text, names):
    make(fill.__name__, fill)
    make(fill.__name__ + "_latest", fill, libver="latest")
