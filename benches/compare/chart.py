"""A picture of the comparison: on each line a workload, on it a dot for each peer, at how many times our time it takes."""

import math
import statistics
from xml.sax.saxutils import escape

from measure import quotients
from workloads import OURS, WORKLOADS

LINE, LEFT, WIDTH, TOP = 30, 300, 520, 60
COLOURS = {
    "bare": "#888888",
    "onnxruntime": "#0072b2",
    "keras-tf": "#e69f00",
    "keras-jax": "#009e73",
    "torch": "#d55e00",
    "torch-channels-last": "#cc79a7",
    "candle": "#56b4e9",
    "keras-tf-call": "#7f3c00",
    "keras-tf-predict": "#4d4d00",
}
STYLE = "text { font: 13px sans-serif; fill: #222 } .small { font-size: 11px } .axis { stroke: #ccc } .ours { stroke: #222 }"


def svg(all_results):
    rows = []
    for workload in WORKLOADS:
        results = all_results.get(workload.name, {})
        found = {peer: quotients(results, peer) for peer in results if peer != OURS}
        found = {peer: values for peer, values in found.items() if values}
        if found:
            rows.append((workload, found))
    medians = [statistics.median(v) for _, found in rows for v in found.values()]
    low = 10 ** math.floor(math.log10(min([*medians, 0.5])))
    high = 10 ** math.ceil(math.log10(max([*medians, 10])))

    def x(value):
        share = math.log(min(max(value, low), high) / low) / math.log(high / low)
        return round(LEFT + WIDTH * share, 1)

    peers = [peer for peer in COLOURS if any(peer in found for _, found in rows)]
    bottom = TOP + LINE * len(rows)
    height = bottom + 60 + 20 * math.ceil(len(peers) / 5)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 40} {height}">',
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="22">Times as long as {OURS} (right of the dark line: slower than ours), median and spread</text>',
    ]
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        for digit in (1, 2, 5):
            value = digit * 10.0**power
            if value <= high:
                kind = "ours" if value == 1 else "axis"
                parts.append(f'<line class="{kind}" x1="{x(value)}" x2="{x(value)}" y1="{TOP - 12}" y2="{bottom}"/>')
                parts.append(f'<text class="small" text-anchor="middle" x="{x(value)}" y="{TOP - 17}">{value:g}</text>')
    for number, (workload, found) in enumerate(rows):
        y = TOP + LINE * number + LINE // 2
        parts.append(f'<text text-anchor="end" x="{LEFT - 10}" y="{y + 4}">{escape(workload.title)}</text>')
        goal = x(workload.wanted)
        parts.append(f'<path d="M{goal} {y - 11} v22" stroke="#222" stroke-dasharray="2 2"/>')
        for peer, values in found.items():
            colour, middle = COLOURS[peer], x(statistics.median(values))
            parts.append(f'<path d="M{x(min(values))} {y} H{x(max(values))}" stroke="{colour}" stroke-opacity="0.5"/>')
            told = f"{workload.title}: {peer} {statistics.median(values):.2f}"
            parts.append(f'<circle cx="{middle}" cy="{y}" r="5" fill="{colour}"><title>{escape(told)}</title></circle>')
    for number, peer in enumerate(peers):
        left, y = 10 + 165 * (number % 5), bottom + 30 + 20 * (number // 5)
        parts.append(f'<circle cx="{left + 5}" cy="{y - 4}" r="5" fill="{COLOURS[peer]}"/>')
        parts.append(f'<text x="{left + 15}" y="{y}">{peer}</text>')
    parts.append(f'<text class="small" x="10" y="{height - 12}">dashed: what is wanted of the best peer</text></svg>')
    return "\n".join(parts) + "\n"
