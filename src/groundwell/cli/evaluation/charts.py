"""Charts as SVG. Colours come from the page's style sheet, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH = 640
_LABEL = 96
_BAR = 14
_GAP = 12
_HEIGHT = 200
_FOOT = 36
_LEFT = 44
_RIGHT = 16
_TICKS = 4
BINS = 10


@dataclass(frozen=True, slots=True)
class Series:
    """A named row of numbers."""

    name: str
    values: tuple[float, ...]


def latency_chart(stages: Sequence[str], halves: Sequence[Series], tails: Sequence[Series]) -> str:
    """Bars for each stage and run: solid to p50, pale on to p95. Values in milliseconds."""
    group = len(halves) * (_BAR + 2) + _GAP
    height = len(stages) * group + _FOOT
    most = nice_ceiling(max(max(series.values) for series in tails))
    scale = (_WIDTH - _LABEL - 60) / most
    parts = []
    for tick in range(_TICKS + 1):
        x = _LABEL + tick * most / _TICKS * scale
        parts.append(_line(x, 4, x, height - _FOOT + 6, "grid"))
        parts.append(_text(x, height - 14, f"{tick * most / _TICKS:g}", "middle"))
    parts.append(_text(_LABEL, height - 1, "milliseconds", "start"))
    for place, stage in enumerate(stages):
        top = place * group + 8
        middle = top + (group - _GAP) / 2 + 4
        parts.append(_text(_LABEL - 10, middle, stage, "end"))
        for index, (half, tail) in enumerate(zip(halves, tails, strict=True)):
            y = top + index * (_BAR + 2)
            low, high = half.values[place], tail.values[place]
            said = f"{half.name}, {stage}: p50 {low:.1f} ms, p95 {high:.1f} ms"
            parts.append(_bar(_LABEL, y, high * scale, _BAR, f"run{index} tail", said))
            parts.append(_bar(_LABEL, y, low * scale, _BAR, f"run{index}", said))
            parts.append(_text(_LABEL + high * scale + 6, y + 11, f"{low:.1f} / {high:.1f}"))
    return _svg(height, "Latency of each stage, p50 and p95", parts)


def distribution_chart(runs: Sequence[Series]) -> str:
    """How many queries lie in each tenth of [0, 1]."""
    counts = [_histogram(series.values) for series in runs]
    most = nice_ceiling(max(max(found) for found in counts))
    parts = _vertical_axis(0, most)
    slot = (_WIDTH - _LEFT - _RIGHT) / BINS
    width = (slot - 8) / len(runs)
    for index, (series, found) in enumerate(zip(runs, counts, strict=True)):
        for place, count in enumerate(found):
            height = count / most * _HEIGHT
            x = _LEFT + place * slot + 4 + index * width
            said = f"{series.name}: {count} queries from {place / BINS:.1f} to "
            said += f"{(place + 1) / BINS:.1f}"
            parts.append(_bar(x, 8 + _HEIGHT - height, width - 1, height, f"run{index}", said))
    for place in range(BINS + 1):
        x = _LEFT + place * slot
        parts.append(_text(x, _HEIGHT + 24, f"{place / BINS:.1f}", "middle"))
    parts.append(_text(_LEFT, _HEIGHT + 42, "nDCG@10, queries in each tenth"))
    return _svg(_HEIGHT + 48, "Distribution of nDCG@10 over the queries", parts)


def difference_chart(steps: Sequence[tuple[str, float]]) -> str:
    """One bar for each query that changed, the best first: above the line it gained."""
    ordered = sorted(steps, key=lambda step: -step[1])
    most = nice_ceiling(max(abs(step) for _, step in ordered))
    parts = _vertical_axis(-most, most)
    zero = 8 + _HEIGHT / 2
    slot = (_WIDTH - _LEFT - _RIGHT) / len(ordered)
    for place, (query, step) in enumerate(ordered):
        height = max(abs(step) / most * _HEIGHT / 2, 0.5)
        y = zero - height if step > 0 else zero
        kind = "gain" if step > 0 else "loss"
        width = max(min(slot - 1, 24), 0.6)
        said = f"{step:+.3f} {query}"
        parts.append(_bar(_LEFT + place * slot, y, width, height, kind, said))
    parts.append(_line(_LEFT, zero, _WIDTH - _RIGHT, zero, "axis"))
    parts.append(_text(_LEFT, _HEIGHT + 28, "difference in nDCG@10, one bar for each query"))
    return _svg(_HEIGHT + _FOOT, "Difference in nDCG@10 for each query that changed", parts)


def nice_ceiling(value: float) -> float:
    """The next number above that is 1, 2, 4, 5 or 8 times a power of ten."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 4, 5, 8, 10) if power * step >= value * 0.999)


def _histogram(values: Sequence[float]) -> list[int]:
    counts = [0] * BINS
    for value in values:
        counts[min(int(value * BINS), BINS - 1)] += 1
    return counts


def _vertical_axis(least: float, most: float) -> list[str]:
    parts = []
    for tick in range(_TICKS + 1):
        y = 8 + _HEIGHT - tick / _TICKS * _HEIGHT
        value = least + tick / _TICKS * (most - least)
        parts.append(_line(_LEFT, y, _WIDTH - _RIGHT, y, "grid"))
        parts.append(_text(_LEFT - 8, y + 4, f"{value:g}", "end"))
    return parts


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    inner = "".join(parts)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img" aria-label="{escape(title)}">'
        f"{inner}</svg>"
    )


def _bar(x: float, y: float, width: float, height: float, kind: str, said: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" rx="2" '
        f'class="{kind}"><title>{escape(said)}</title></rect>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
