"""How good judged questions are: the share of each verdict, and how sure it is."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

VERDICTS = ("answerable", "one_right", "worth_asking")
_Z = 1.959964
"""Of the normal distribution, 95 % lie within so many standard deviations."""


def print_verdicts(path: Path) -> None:
    """The shares of a judged sample: each line has the three verdicts as true or false."""
    judged = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    print(f"questions {len(judged)}; in brackets the count and the 95 % interval")
    for verdict in VERDICTS:
        _tell(verdict, sum(bool(question[verdict]) for question in judged), len(judged))
    good = [each for each in judged if all(each[verdict] for verdict in VERDICTS)]
    _tell("all three", len(good), len(judged))
    counts = Counter(question["type"] for question in judged)
    right = Counter(question["type"] for question in good)
    print("by type:", ", ".join(f"{kind} {right[kind]} of {n}" for kind, n in counts.most_common()))


def wilson(right: int, whole: int) -> tuple[float, float]:
    """The 95 % interval of a share, `right` of `whole`, which must not be 0.

    E. B. Wilson 1927, "Probable inference, the law of succession, and statistical inference",
    JASA 22:209. Unlike the plain one it holds near 0 and 1 too.
    """
    share, spread = right / whole, _Z * _Z / whole
    middle = share + spread / 2
    reach = _Z * math.sqrt(share * (1 - share) / whole + spread / (4 * whole))
    return (middle - reach) / (1 + spread), (middle + reach) / (1 + spread)


def _tell(name: str, right: int, whole: int) -> None:
    low, high = wilson(right, whole)
    print(f"{name:14} {right / whole:6.1%} ({right}; {low:.1%} to {high:.1%})")
