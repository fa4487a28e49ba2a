"""Rounds of one workload, in turns."""

import statistics
import sys

from contestants import Contestant, Failed
from workloads import FLOOR, OURS

# Who needs this many times as long as the fastest peer takes part in a few rounds only.
SLOW = 2.5
FEW = 3


def measure(workload, peers, options):
    """For each contestant `seconds` and `cpu` of a step by round, `peak_mb` and `versions`, or how it `failed`."""
    results = {peer: {"seconds": [], "cpu": [], "peak_mb": 0, "versions": ""} for peer in peers}
    alive = {}
    try:
        if not workload.cold:
            for peer in peers:
                start(peer, workload, options, alive, results)
        limits = {}
        for number in range(-1, options.rounds):
            shown = []
            for peer in peers:
                if "failed" in results[peer] or number >= limits.get(peer, options.rounds):
                    continue
                line = turn(peer, workload, options, alive, results)
                if line is None:
                    continue
                seconds, cpu = (line[key] / line["steps"] for key in ("seconds", "cpu"))
                if number < 0:
                    results[peer]["first"] = seconds
                else:
                    results[peer]["seconds"].append(seconds)
                    results[peer]["cpu"].append(cpu)
                results[peer]["peak_mb"] = line["peak_mb"]
                results[peer]["versions"] = line.get("versions", "")
                shown.append(f"{peer} {seconds * workload.per_second:.4g}")
            print(f"{workload.name}, round {number + 1} of {options.rounds}: {', '.join(shown)}", file=sys.stderr, flush=True)
            # The uncounted round compiles and warms up, so that only the first counted one tells who is slow.
            if number == 0:
                limits = slow_ones(results, options.rounds)
    finally:
        for contestant in alive.values():
            contestant.stop()
    return results


def start(peer, workload, options, alive, results):
    try:
        alive[peer] = Contestant(peer, workload, options)
    except Failed as problem:
        results[peer]["failed"] = str(problem)


def turn(peer, workload, options, alive, results):
    """A round of one contestant; nothing if it failed, which is noted."""
    try:
        if not workload.cold:
            return alive[peer].ask()
        contestant = Contestant(peer, workload, options)
        try:
            return contestant.first()
        finally:
            contestant.stop()
    except Failed as problem:
        results[peer]["failed"] = str(problem)
        print(f"{workload.name}: {peer} {problem}", file=sys.stderr)
        return None


def slow_ones(results, rounds):
    peers = {p: r["seconds"][0] for p, r in results.items() if r["seconds"] and p not in (OURS, FLOOR)}
    fastest = min(peers.values(), default=0)
    return {peer: min(FEW, rounds) for peer, seconds in peers.items() if seconds > SLOW * fastest}


def quotients(results, peer, base=OURS):
    """How many times as long `peer` took as `base`, round by round."""
    return [a / b for a, b in zip(results[peer]["seconds"], results[base]["seconds"])]


def best_peer(results):
    """The fastest that is a peer, by its median; none if all failed."""
    peers = [p for p, r in results.items() if p not in (OURS, FLOOR) and "failed" not in r and r["seconds"]]
    return min(peers, key=lambda peer: statistics.median(results[peer]["seconds"]), default=None)
