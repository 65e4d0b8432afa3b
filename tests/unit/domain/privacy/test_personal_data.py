"""How much personal data is found, and how much else, on examples written by hand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from groundwell.domain.privacy import PersonalData, Span, find_personal_data

FOLDER = Path(__file__).parent
TAG = re.compile(r"<(/?)(" + "|".join(PersonalData) + ")>")
NAMES = re.compile(r" \{(.*)\}$")

# Precision and recall that each kind must reach.
LEAST = {
    PersonalData.EMAIL: (0.98, 0.98),
    PersonalData.IBAN: (0.98, 0.98),
    PersonalData.CARD: (0.98, 0.98),
    PersonalData.IP: (0.98, 0.98),
    PersonalData.PHONE: (0.95, 0.95),
    PersonalData.ADDRESS: (0.90, 0.90),
    PersonalData.NAME: (0.90, 0.90),
}


@dataclass(frozen=True)
class Example:
    text: str
    names: tuple[str, ...]
    spans: tuple[Span, ...]


def read(line: str) -> Example:
    given = NAMES.search(line)
    names = tuple(given.group(1).split(", ")) if given else ()
    marked = NAMES.sub("", line)
    text, spans, start, position = "", [], 0, 0
    for tag in TAG.finditer(marked):
        text += marked[position : tag.start()]
        position = tag.end()
        if tag.group(1):
            spans.append(Span(PersonalData(tag.group(2)), start, len(text)))
        start = len(text)
    return Example(text + marked[position:], names, tuple(spans))


def examples(name: str) -> Iterator[Example]:
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield read(line)


POSITIVE, NEGATIVE = list(examples("positive.txt")), list(examples("negative.txt"))


def covers(found: Span, expected: Span) -> bool:
    same_kind = found.kind == expected.kind
    return same_kind and found.start <= expected.start and expected.end <= found.end


def touches(found: Span, expected: Span) -> bool:
    return found.kind == expected.kind and found.start < expected.end and expected.start < found.end


def measure() -> tuple[dict[PersonalData, tuple[float, float]], list[str]]:
    """Precision and recall of each kind, and the examples that went wrong.

    A finding counts as right when it touches one that is expected; an expected one counts as found
    only when a single finding covers all of it.
    """
    right, found_total = Counter[PersonalData](), Counter[PersonalData]()
    covered, expected_total = Counter[PersonalData](), Counter[PersonalData]()
    wrong: list[str] = []
    for example in (*POSITIVE, *NEGATIVE):
        found = find_personal_data(example.text, example.names)
        good = [span for span in found if any(touches(span, e) for e in example.spans)]
        hit = [span for span in example.spans if any(covers(f, span) for f in found)]
        right.update(span.kind for span in good)
        found_total.update(span.kind for span in found)
        covered.update(span.kind for span in hit)
        expected_total.update(span.kind for span in example.spans)
        if len(good) < len(found) or len(hit) < len(example.spans):
            wrong.append(f"{example.text} -> {[(f.kind.value, f.start, f.end) for f in found]}")
    return {
        kind: (right[kind] / max(1, found_total[kind]), covered[kind] / expected_total[kind])
        for kind in PersonalData
    }, wrong


def test_there_are_enough_examples() -> None:
    expected = Counter(span.kind for example in POSITIVE for span in example.spans)
    assert len(POSITIVE) >= 150
    assert len(NEGATIVE) >= 150
    assert min(expected[kind] for kind in PersonalData) >= 10
    assert not any(example.spans for example in NEGATIVE)


@pytest.mark.parametrize("kind", PersonalData)
def test_precision_and_recall_of_each_kind(kind: PersonalData) -> None:
    measured, wrong = measure()
    precision, recall = measured[kind]
    report = "\n".join([f"{kind}: precision {precision:.3f}, recall {recall:.3f}", *wrong])
    assert precision >= LEAST[kind][0], report
    assert recall >= LEAST[kind][1], report
