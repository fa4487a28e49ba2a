"""Results as Markdown, and their place in a document."""

import os
import re
import statistics
import subprocess

from measure import best_peer, quotients
from workloads import OURS, WORKLOADS


def ratio(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"


def number(value):
    """Three digits, in full: 0.123, 12.3, 123, 1234."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"


def table(*rows):
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def time_of(workload, result):
    return f"{number(statistics.median(result['seconds']) * workload.per_second)} {workload.unit}"


def near(results, best):
    """The same of rounds whose threads were near each other, and how many those are."""
    values = quotients(results, best, only_near=True)
    return f"{statistics.median(values):.2f} ({len(values)})" if values else "-"


def summary(all_results):
    """A line for each workload: ours against the best peer."""
    head = ("workload", OURS, "best peer", "its time", "times as fast, by round", "near", "wanted", "reached")
    rows = [(*head, "MB, ours / its")]
    for workload in WORKLOADS:
        results = all_results.get(workload.name)
        if results is None:
            continue
        best = best_peer(results)
        if not results[OURS]["seconds"] or best is None:
            who = OURS if not results[OURS]["seconds"] else "every peer"
            rows.append((workload.title, *["-"] * 5, workload.wanted, f"{who} failed", "-"))
            continue
        values = quotients(results, best)
        reached = "yes" if statistics.median(values) >= workload.wanted else "no"
        rows.append(
            (
                workload.title,
                time_of(workload, results[OURS]),
                best,
                time_of(workload, results[best]),
                f"**{ratio(values)}**",
                near(results, best),
                workload.wanted,
                reached,
                f"{results[OURS]['peak_mb']} / {results[best]['peak_mb']}",
            )
        )
    return table(*rows)


def everyone(all_results):
    """A line for each contestant of each workload."""
    rows = [("workload", "contestant", "median", "CPU", f"/ {OURS}, by round", "rounds", "peak MB")]
    for workload in WORKLOADS:
        for peer, result in all_results.get(workload.name, {}).items():
            if "failed" in result or not result["seconds"]:
                said = result.get("failed", "no round").replace("|", "/")[:120]
                rows.append((workload.name, peer, f"failed: {said}", *["-"] * 4))
                continue
            cpu = statistics.median(result["cpu"]) * workload.per_second
            values = quotients(all_results[workload.name], peer)
            count, peak = len(result["seconds"]), result["peak_mb"]
            compared = ratio(values) if values else "-"
            rows.append((workload.name, peer, time_of(workload, result), number(cpu), compared, count, peak))
    return table(*rows)


def machine():
    facts = subprocess.run(["lscpu"], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout
    facts = dict(line.split(":", 1) for line in facts.splitlines() if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    flags = facts.get("Flags", "").split()
    levels = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX"}
    level = next((name for flag, name in levels.items() if flag in flags), "no AVX")
    family = f"family {facts.get('CPU family')}, model {facts.get('Model')}"
    return f"{facts.get('Model name')} ({family}), {len(os.sched_getaffinity(0))} cores, {level}"


def conditions(all_results, options):
    rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.split()
    told = {v for results in all_results.values() for r in results.values() for v in r["versions"].split(", ") if v}
    rounds = max(len(r["seconds"]) for results in all_results.values() for r in results.values())
    simd = f"kept to {options.simd}; " if options.simd else ""
    return (
        f"{machine()}; {simd}{options.threads} threads; rustc {rust[1] if len(rust) > 1 else 'unknown'}; "
        f"{', '.join(sorted(told))}; up to {rounds} rounds; load average when written {os.getloadavg()[0]:.1f}."
    )


def document(all_results, options, chart):
    return "\n\n".join(
        [
            conditions(all_results, options),
            summary(all_results),
            f"![Times as long as {OURS}, for each peer]({chart})",
            "<details><summary>Every contestant</summary>",
            everyone(all_results),
            "</details>",
        ]
    )


def put(path, section, text):
    """Replaces what stands between the comments `begin SECTION` and `end SECTION`, or adds it at the end."""
    begin, end = f"<!-- begin {section} -->", f"<!-- end {section} -->"
    with open(path) as file:
        old = file.read()
    new = f"{begin}\n\n{text}\n\n{end}"
    pattern = re.escape(begin) + ".*?" + re.escape(end)
    changed, count = re.subn(pattern, lambda _: new, old, flags=re.DOTALL)
    with open(path, "w") as file:
        file.write(changed if count else f"{old.rstrip()}\n\n{new}\n")
