"""Reads the Markdown layout by the grammar in docs/reference/questions.md, line by line."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from tests.unit.apps.quiz.asked import Seen

from groundwell.apps.quiz.questions import QuestionType

TYPES = {
    "*Choose one.*": QuestionType.MCQ,
    "*True or false?*": QuestionType.TRUE_FALSE,
    "*Fill in the gap.*": QuestionType.CLOZE,
    "*Type a number.*": QuestionType.NUMERIC,
    "*Find the letter for each number.*": QuestionType.MATCHING,
    "*Put the letters in order.*": QuestionType.ORDERING,
    "*Type the answer.*": QuestionType.SHORT,
}
NUMBERED = re.compile(r"(\d+)\. (.*)")
LETTERED = re.compile(r"- ([A-Z]+)\) (.*)")
LEFT = re.compile(r"\* \(\d+\) (.*)")
LABELLED = re.compile(r"\*\*(Hint|Answer|Tolerance|Also right|Explanation|Source):\*\* (.*)")
PLACE = re.compile(r"((?:\\.|[^\\,])*)(?:, page (\d+))?")


@dataclass
class Item:
    """The lines of one number, before and after the separator, sorted by what they begin with."""

    stem: str
    type: QuestionType | None = None
    left: list[str] = field(default_factory=list)
    lettered: dict[str, str] = field(default_factory=dict)
    labelled: dict[str, str] = field(default_factory=dict)
    quote: str | None = None


@dataclass
class Layout:
    """The whole text."""

    title: str
    summary: str
    seen: list[Seen]
    notes: list[str]
    hidden: str


def unescaped(text: str) -> str:
    """What CommonMark shows of a text: backslashes before punctuation go, references are read."""
    shown = re.sub(
        r"\\([!-/:-@\[-`{-~])|&(?:amp|lt|gt);",
        lambda found: found[1] or html.unescape(found[0]),
        text,
    )
    # Nothing may be left that CommonMark would take for more than a character.
    assert not re.search(r"(?<!\\)[<>`*_\[\]]", text), text
    return shown


def read_layout(text: str) -> Layout:
    """The questions of a text, with the key from wherever it stands."""
    asked, separator, key = text.partition("\n---\n")
    title, summary, *lines = [line for line in asked.split("\n") if line]
    items, notes = _items(lines)
    if separator:
        heading, *lines = [line for line in key.split("\n") if line]
        assert heading == "## Answers"
        answers, more = _items(lines)
        assert not more
        assert len(answers) == len(items)
        for item, answer in zip(items, answers, strict=True):
            assert not item.labelled, "a quiz shows nothing of the key before the separator"
            label = LABELLED.fullmatch(answer.stem)
            assert label is not None
            item.labelled = {label[1]: label[2], **answer.labelled}
            item.quote = answer.quote
    assert title.startswith("# ")
    return Layout(title[2:], summary, [_seen(item) for item in items], notes, key)


def _items(lines: list[str]) -> tuple[list[Item], list[str]]:
    items: list[Item] = []
    notes: list[str] = []
    for place, line in enumerate(lines):
        if line == "## Notes":
            notes = [unescaped(note.removeprefix("- ")) for note in lines[place + 1 :]]
            break
        if numbered := NUMBERED.fullmatch(line):
            assert int(numbered[1]) == len(items) + 1
            items.append(Item(numbered[2]))
        else:
            width = len(f"{len(items)}. ")
            assert line.startswith(" " * width)
            _line(items[-1], line[width:])
    return items, notes


def _line(item: Item, line: str) -> None:
    if item.type is None and line in TYPES:
        item.type = TYPES[line]
    elif labelled := LABELLED.fullmatch(line):
        assert labelled[1] not in item.labelled
        item.labelled[labelled[1]] = labelled[2]
    elif lettered := LETTERED.fullmatch(line):
        item.lettered[lettered[1]] = unescaped(lettered[2])
    elif left := LEFT.fullmatch(line):
        item.left.append(unescaped(left[1]))
    else:
        assert line.startswith("> ")
        item.quote = unescaped(line[2:])


def _seen(item: Item) -> Seen:
    assert item.type is not None
    labels = item.labelled
    answer = labels["Answer"]
    place = PLACE.fullmatch(labels["Source"])
    assert place is not None
    is_choice = item.type in {QuestionType.MCQ, QuestionType.TRUE_FALSE}
    is_typed = item.type in {QuestionType.CLOZE, QuestionType.SHORT}
    more = re.split(r" (?<!\\)/ ", labels["Also right"]) if "Also right" in labels else []
    tolerance = labels.get("Tolerance")
    return Seen(
        type=item.type,
        stem=unescaped(item.stem),
        options=tuple(
            (text, answer.startswith(f"{name}) "), "") for name, text in item.lettered.items()
        )
        if is_choice
        else (),
        typed=tuple(unescaped(text) for text in (answer, *more)) if is_typed else (),
        tolerance=None if tolerance is None else float(tolerance.removeprefix("± ")),
        pairs=tuple(_pairs(item, answer)),
        steps=tuple(item.lettered[name] for name in answer.split(", "))
        if item.type is QuestionType.ORDERING
        else (),
        hint=unescaped(labels.get("Hint", "")),
        explanation=unescaped(labels.get("Explanation", "")),
        quote=item.quote,
        document=unescaped(place[1]),
        page=int(place[2]) if place[2] else None,
    )


def _pairs(item: Item, answer: str) -> list[tuple[str, str]]:
    if item.type is not QuestionType.MATCHING:
        return []
    found = [part.split("–") for part in answer.split(", ")]
    return [(item.left[int(number) - 1], item.lettered[name]) for number, name in found]
