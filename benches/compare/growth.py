#!/usr/bin/env python3
"""How the cost of a training step grows over batch size, width, depth and length. usage: growth.py [--threads N] [--write]

Each of them is doubled three times by itself, each size is a process of its own, and they take turns. Time and memory are
divided by the work and by the values that there are to keep. Quotients that do not rise show that nothing grows faster than the work.
"""

import argparse
import os
import subprocess

import contestants
import report
from contestants import BINARY, Contestant

# Where each kind of layers begins.
FAMILIES = {
    "dense": {"batch": 64, "width": 256, "depth": 4, "length": 1},
    "conv": {"batch": 4, "width": 32, "depth": 4, "length": 32},
    "lstm": {"batch": 16, "width": 64, "depth": 2, "length": 64},
    "attention": {"batch": 4, "width": 128, "depth": 2, "length": 64},
}
TITLES = {"dense": "Dense", "conv": "Conv2D 3x3", "lstm": "LSTM", "attention": "MultiHeadAttention, 4 heads"}
FACTORS = (1, 2, 4, 8)
ROUNDS = 7
SECONDS = 0.1


def work(family, batch, width, depth, length):
    """Floating-point operations of a training step's products: forwards, and twice as many backwards."""
    terms = {
        "dense": width**2,
        "conv": length**2 * 9 * width**2,
        "lstm": length * 8 * width**2,
        "attention": 4 * length * width**2 + 2 * length**2 * width,
    }
    return 3 * 2 * batch * depth * terms[family]


def values(family, batch, width, depth, length):
    """Bytes of what must be kept until the gradient, and of weights and their gradients."""
    kept = {
        "dense": width,
        "conv": length**2 * width,
        "lstm": 6 * length * width,
        "attention": 5 * length * width + 4 * length**2,
    }
    weights = {"dense": width**2, "conv": 9 * width**2, "lstm": 8 * width**2, "attention": 4 * width**2}
    return 4 * depth * (batch * kept[family] + 2 * weights[family])


def measure(family, sizes, options):
    """For each size the seconds of a step, the fewest of some rounds, and the largest memory of the process in MB."""
    fixed = [BINARY, "growth", "--serve", "--family", family, "--threads", str(options.threads)]
    alive = []
    try:
        for size in sizes:
            alive.append(Contestant(fixed + [word for key, value in size.items() for word in (f"--{key}", str(value))], options))
        # The first step of all is that of a cold process.
        steps = [max(1, int(SECONDS / [c.ask(1), c.ask(1)][1]["seconds"])) for c in alive]
        rounds = [[c.ask(count) for c, count in zip(alive, steps)] for _ in range(ROUNDS)]
    finally:
        for contestant in alive:
            contestant.stop()
    by_size = list(zip(*rounds))
    seconds = [min(line["seconds"] / line["steps"] for line in lines) for lines in by_size]
    return seconds, [max(line["peak_mb"] for line in lines) for lines in by_size]


def row(family, name, empty, options):
    sizes = [{**FAMILIES[family], name: FAMILIES[family][name] * factor} for factor in FACTORS]
    times, peaks = measure(family, sizes, options)
    memory = [max(peak - empty, 1) for peak in peaks]
    joined = lambda numbers, digits: ", ".join(f"{n:.{digits}f}" for n in numbers)
    relative = lambda costs, units: joined([c / u / (costs[0] / units[0]) for c, u in zip(costs, units)], 2)
    spread = f"{name} {sizes[0][name]} to {sizes[-1][name]}"
    return (
        TITLES[family],
        spread,
        joined([1e3 * t for t in times], 2),
        relative(times, [work(family, **size) for size in sizes]),
        joined(memory, 0),
        joined([1e6 * m / values(family, **size) for m, size in zip(memory, sizes)], 1),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--simd", choices=["portable", "avx2", "avx512"])
    parser.add_argument("--write", action="store_true", help="put the table into benches/README.md")
    options = parser.parse_args()
    build = ["cargo", "build", "--release", "--quiet", "-p", "keras-benches", "--bins"]
    subprocess.run(build, cwd=contestants.BENCHES, check=True)
    least = {"batch": 1, "width": 4, "depth": 1, "length": 1}
    _, (empty,) = measure("dense", [least], options)
    rows = [("layers", "what grows: 1, 2, 4, 8 times", "ms", "time / work, first is 1", "MB", "MB / values to keep")]
    for family, size in FAMILIES.items():
        for name in size:
            if family != "dense" or name != "length":
                rows.append(row(family, name, empty, options))
                print(rows[-1], flush=True)
    text = f"{report.machine()}; {options.threads} threads.\n\n{report.table(*rows)}"
    print(text)
    if options.write:
        report.put(os.path.join(contestants.BENCHES, "README.md"), "growth", text)


if __name__ == "__main__":
    main()
