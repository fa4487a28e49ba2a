"""Rounds of one workload, in turns."""

import itertools
import statistics
import sys
import time

from contestants import Contestant, Failed, command, handoff
from workloads import FLOOR, OURS

# Seconds that a round shall last.
ROUND = 1.0
# Who needs this many times as long as the fastest peer takes part in a few rounds only.
SLOW = 2.5
FEW = 3
# Nanoseconds between two threads from which they are taken to share no cache.
FAR = 150
# Seconds between two turns, in which threads of the one before, that wait by spinning, go to sleep.
PAUSE = 0.02


class Entry:
    """A contestant with what it was measured at: `seconds` and `cpu` of a step by round, and whether threads were `near` each
    other before and after it; `peak_mb` and `versions`, or how it `failed`."""

    def __init__(self, peer, workload, options):
        self.peer, self.workload, self.options = peer, workload, options
        self.words = command(peer, workload, options)
        self.result = {"seconds": [], "cpu": [], "near": [], "peak_mb": 0, "versions": ""}
        self.process, self.steps, self.rounds = None, 1, options.rounds

    def turn(self, counts):
        """A round; a failure is noted, and is the end of it. The seconds of a step, or none."""
        if "failed" in self.result or self.rounds <= len(self.result["seconds"]):
            return None
        near = is_near(self.options)
        try:
            line = self.cold() if self.workload.cold else self.warm()
        except Failed as problem:
            self.result["failed"] = str(problem)
            print(f"{self.workload.name}: {self.peer} {problem}", file=sys.stderr)
            return None
        seconds, cpu = (line[key] / line["steps"] for key in ("seconds", "cpu"))
        self.steps = max(1, int(ROUND / max(seconds, 1e-7)))
        self.result.update(peak_mb=line["peak_mb"], versions=line.get("versions", ""))
        if counts:
            self.result["seconds"].append(seconds)
            self.result["cpu"].append(cpu)
            self.result["near"].append(near and is_near(self.options))
        return seconds

    def warm(self):
        self.process = self.process or Contestant(self.words, self.options)
        return self.process.ask(self.steps)

    def cold(self):
        process = Contestant(self.words, self.options)
        try:
            return process.first()
        finally:
            process.stop()


def is_near(options):
    return options.threads == 1 or handoff() < FAR


def measure(workload, peers, options):
    """The results of each contestant, by name."""
    entries = [Entry(peer, workload, options) for peer in peers]
    # What is first of a kind is not counted: compiling, then the first step without it, by which steps of a round are chosen.
    uncounted = 1 if workload.cold else 2
    try:
        for number in range(-uncounted, options.rounds):
            shown = []
            for entry in entries:
                seconds = entry.turn(number >= 0)
                if seconds is not None:
                    shown.append(f"{entry.peer} {seconds * workload.per_second:.4g}")
                time.sleep(PAUSE)
            print(f"{workload.name}, round {number + 1}: {', '.join(shown)}", file=sys.stderr, flush=True)
            if number == 0:
                limit(entries)
    finally:
        for entry in entries:
            if entry.process:
                entry.process.stop()
    return {entry.peer: entry.result for entry in entries}


def limit(entries):
    """After the first counted round: who is far behind the fastest peer need not go all the way."""
    peers = {e: e.result["seconds"][0] for e in entries if e.result["seconds"] and e.peer not in (OURS, FLOOR)}
    fastest = min(peers.values(), default=0)
    for entry, seconds in peers.items():
        if seconds > SLOW * fastest:
            entry.rounds = min(FEW, entry.rounds)


def quotients(results, peer, base=OURS, only_near=False):
    """How many times as long `peer` took as `base`, round by round; perhaps only of rounds with threads near each other."""
    theirs, ours = results[peer], results[base]
    told = zip(theirs.get("near", ()), ours.get("near", ()))
    both_near = (a and b for a, b in told) if only_near else itertools.repeat(True)
    return [a / b for a, b, counts in zip(theirs["seconds"], ours["seconds"], both_near) if counts]


def best_peer(results):
    """The fastest that is a peer, by its median; none if all failed."""
    peers = [p for p, r in results.items() if p not in (OURS, FLOOR) and "failed" not in r and r["seconds"]]
    return min(peers, key=lambda peer: statistics.median(results[peer]["seconds"]), default=None)
