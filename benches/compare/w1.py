#!/usr/bin/env python3
"""Compares a training step of the MNIST network: contestants take turns in the same run, and ratios are those of a round.

usage: w1.py [--peers NAME,...] [--rounds N] [--threads N] [--envs FOLDER] [--cold]
Build first: cargo build --release -p keras-benches. The environments of the Python peers come from peers/setup.sh.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, "..", "peers")
TARGET = os.environ.get("CARGO_TARGET_DIR") or os.path.join(HERE, "..", "..", "target")
BINARY = os.path.join(TARGET, "release", "w1")
# The contestants that are subcommands of `w1`, by their names in the table.
OURS = {"bare": "bare", "keras-rust": "keras"}
# The Python contestants: environment and program.
PYTHON = {
    "keras-jax": ("pt", "keras_mlp.py"),
    "keras-tf": ("tf", "keras_mlp.py"),
    "torch-fused": ("pt", "torch_mlp.py"),
}


def command(peer, data, options):
    threads = ["--threads", str(options.threads)]
    cold = ["--cold"] if options.cold else []
    if peer in OURS:
        return [BINARY, OURS[peer], *threads, *(cold or ["--serve"])]
    env, program = PYTHON[peer]
    python = os.path.join(os.path.expanduser(options.envs), env, "bin", "python")
    return [python, os.path.join(PEERS, program), peer, data, *threads, *cold]


def start(peer, data, options):
    pin = (lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})) if options.threads == 1 else None
    pipe = subprocess.PIPE
    # Libraries are noisy on standard error; what a contestant says there is shown only if it fails.
    errors = tempfile.TemporaryFile("w+")
    process = subprocess.Popen(
        command(peer, data, options), stdin=pipe, stdout=pipe, stderr=errors, text=True, bufsize=1, preexec_fn=pin
    )
    process.errors = errors
    return process


def answer(peer, process):
    for line in process.stdout:
        if line.startswith("{"):
            return json.loads(line)
    process.wait()
    process.errors.seek(0)
    sys.exit(f"{peer} ended with {process.returncode}:\n{process.errors.read()[-2000:]}")


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def progress(number, options, latest, digits):
    shown = ", ".join(f"{peer} {value:.{digits}f}" for peer, value in latest.items())
    print(f"round {number + 1} of {options.rounds}: {shown}", file=sys.stderr)


def warm(peers, data, options):
    """Microseconds of a step, by the wall clock and of the processors, for each contestant and round."""
    processes = {peer: start(peer, data, options) for peer in peers}
    wall, cpu, told = {p: [] for p in peers}, {p: [] for p in peers}, {}
    for number in range(-options.warmup, options.rounds):
        for peer, process in processes.items():
            before, began = cpu_seconds(process), time.perf_counter()
            process.stdin.write("\n")
            told[peer] = answer(peer, process)
            seconds, used = time.perf_counter() - began, cpu_seconds(process) - before
            if number >= 0:
                steps = seconds * 1e6 / told[peer]["us_step"]
                wall[peer].append(told[peer]["us_step"])
                cpu[peer].append(used * 1e6 / steps)
        progress(number, options, {peer: line["us_step"] for peer, line in told.items()}, 0)
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return wall, cpu, told


def cold(peers, data, options):
    """Seconds from the start of a process to its line after the first step."""
    seconds, told = {p: [] for p in peers}, {}
    for number in range(-1, options.rounds):
        for peer in peers:
            began = time.perf_counter()
            process = start(peer, data, options)
            told[peer] = answer(peer, process)
            if number >= 0:
                seconds[peer].append(time.perf_counter() - began)
            process.stdin.close()
            process.wait()
        progress(number, options, {peer: row[-1] for peer, row in seconds.items() if row}, 3)
    return seconds, told


def spread(values, digits):
    return f"{statistics.median(values):.{digits}f} | {min(values):.{digits}f}..{max(values):.{digits}f}"


def ratios(values, base):
    """Median and spread of the quotients, round by round."""
    quotients = [a / b for a, b in zip(values, base)]
    return f"{statistics.median(quotients):.2f} ({min(quotients):.2f}..{max(quotients):.2f})"


def machine(threads, told):
    with open("/proc/cpuinfo") as info:
        facts = dict(line.split(":", 1) for line in info.read().split("\n\n")[0].splitlines() if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    flags = facts.get("flags", "").split()
    have = ", ".join(f"{name} {'yes' if flag in flags else 'no'}" for name, flag in (("AVX2", "avx2"), ("AVX-512", "avx512f")))
    cores = len(os.sched_getaffinity(0))
    rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.split()[1]
    versions = "; ".join(sorted({t["versions"] for t in told.values() if "versions" in t}))
    load = os.getloadavg()[0]
    return (
        f"Machine: {facts.get('model name')}, {cores} cores, {have}; {threads} threads; load {load:.1f}; "
        f"rustc {rust}; {versions}"
    )


def table(values, told, digits, unit, extra=()):
    bases = [p for p in ("bare", "keras-rust") if p in values]
    heads = ["peer", f"median {unit}", "min..max", *(f"/ {b}, by round" for b in bases), *(name for name, _ in extra), "accuracy"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for peer, row in values.items():
        cells = [peer, spread(row, digits), *(ratios(row, values[b]) for b in bases)]
        cells += [f"{statistics.median(column[peer]):.{digits}f}" for _, column in extra]
        print("| " + " | ".join([*cells, f"{told[peer]['acc']:.3f}"]) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=",".join([*OURS, *PYTHON]))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--warmup", type=int, default=1, help="rounds that are not counted")
    parser.add_argument("--threads", type=int, default=2, help="1 also ties every process to one core")
    parser.add_argument("--envs", default="~/.cache/keras-peers")
    parser.add_argument("--cold", action="store_true", help="from process start to the first finished step")
    options = parser.parse_args()
    peers = options.peers.split(",")
    unknown = set(peers) - {*OURS, *PYTHON}
    if unknown:
        parser.error(f"unknown peers {', '.join(sorted(unknown))}; known are {', '.join([*OURS, *PYTHON])}")
    if options.rounds < 1:
        parser.error("--rounds wants at least 1")
    with tempfile.TemporaryDirectory() as data:
        subprocess.run([BINARY, "export", data], check=True)
        if options.cold:
            seconds, told = cold(peers, data, options)
        else:
            wall, cpu, told = warm(peers, data, options)
    if options.cold:
        table(seconds, told, 3, "s")
    else:
        table(wall, told, 0, "us/step", [("CPU us/step", cpu)])
    print("\n" + machine(options.threads, told))


main()
