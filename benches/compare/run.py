#!/usr/bin/env python3
"""Compares our workloads with those of other frameworks, in turns: ratios are those of a round.

usage: run.py [--workloads NAME,...] [--peers NAME,...] [--rounds N] [--threads N] [--simd LEVEL] [--build-peers] [--write]

Builds our program, makes the environments of the peers if they are not there (peers/setup.sh), runs the workloads one after
the other, and prints tables. With --write they and a chart go into benches/README.md, between comments for these threads
and vectors; results of workloads that were not run this time are kept from the run before on this machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import chart
import contestants
import report
from measure import measure
from workloads import OURS, WORKLOADS

README = os.path.join(contestants.BENCHES, "README.md")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [workload.name for workload in WORKLOADS]
    peers = sorted({peer for workload in WORKLOADS for peer in workload.peers})
    parser.add_argument("--workloads", default=",".join(names))
    parser.add_argument("--peers", default=",".join(peers))
    parser.add_argument("--rounds", type=int, default=7, help="after one that is not counted")
    parser.add_argument("--threads", type=int, default=2, help="1 also ties every process to one core")
    parser.add_argument("--simd", choices=["portable", "avx2", "avx512"], help="the widest vectors that may be used")
    parser.add_argument("--envs", default="~/.cache/keras-peers", help="where the peers' environments are")
    parser.add_argument("--build-peers", action="store_true", help="build candle first: some minutes, once")
    parser.add_argument("--write", action="store_true", help="put tables and chart into benches/README.md")
    options = parser.parse_args()
    options.envs = os.path.expanduser(options.envs)
    options.workloads, options.peers = options.workloads.split(","), options.peers.split(",")
    for given, known in ((options.workloads, names), (options.peers, peers)):
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    if options.rounds < 1:
        parser.error("--rounds wants at least 1")
    return options


def prepare(options, peers):
    """Builds what runs and makes what is read. A peer that cannot be made is reported as failed when its turn comes."""
    build = ["cargo", "build", "--release", "--quiet"]
    subprocess.run([*build, "-p", "keras-benches", "--bins"], cwd=contestants.BENCHES, check=True)
    for peer in set(contestants.RUST) & peers if options.build_peers else ():
        here = {**os.environ, "CARGO_TARGET_DIR": "target"}
        subprocess.run(build, cwd=os.path.join(contestants.PEERS, peer), env=here)
    wanted = ("tf/bin/python", "pt/bin/python", "models/mlp.weights.h5", "models/mlp.onnx")
    if not all(os.path.exists(os.path.join(options.envs, path)) for path in wanted):
        subprocess.run([os.path.join(contestants.PEERS, "setup.sh"), options.envs], check=True)
    subprocess.run([contestants.BINARY, "export", options.data], check=True)


def run(options):
    chosen = [workload for workload in WORKLOADS if workload.name in options.workloads]
    prepare(options, {peer for workload in chosen for peer in workload.peers if peer in options.peers})
    found = {}
    for workload in chosen:
        peers = [OURS, *(peer for peer in workload.peers if peer in options.peers)]
        found[workload.name] = measure(workload, peers, options)
        print(report.everyone({workload.name: found[workload.name]}), file=sys.stderr)
    return found


def write(found, options):
    section = "compare" + (f"-{options.simd}" if options.simd else "")
    section += f"-{options.threads}-threads" if options.threads != 2 else ""
    kept = os.path.join(contestants.TARGET, f"{section}.json")
    if os.path.exists(kept):
        with open(kept) as file:
            found = {**json.load(file), **found}
    with open(kept, "w") as file:
        json.dump(found, file, indent=1)
    with open(os.path.join(contestants.BENCHES, f"{section}.svg"), "w") as file:
        file.write(chart.svg(found))
    report.put(README, section, report.document(found, options, f"{section}.svg"))


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as options.data:
        found = run(options)
    print(report.conditions(found, options), report.summary(found), report.everyone(found), sep="\n\n")
    if options.write:
        write(found, options)


if __name__ == "__main__":
    main()
