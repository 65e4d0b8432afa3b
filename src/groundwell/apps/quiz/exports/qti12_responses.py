"""How each type of question is asked and scored in QTI 1.2.

A true-or-false statement is a choice of two; matching is one choice for each left side; an
ordering is a choice with `rcardinality="Ordered"`, whose key says each place by `index`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from groundwell.apps.quiz.exports.html_text import as_html
from groundwell.apps.quiz.exports.xml_nodes import node
from groundwell.apps.quiz.legible import decimal
from groundwell.apps.quiz.questions import Question, QuestionType
from groundwell.apps.quiz.shown import choices, letter, shown_order, spellings

FULL_SCORE: Final = 100

_RESPONSE: Final = "response1"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is presented, the conditions under which it scores, and what is said to each choice."""

    presented: Sequence[Element]
    scored: Sequence[Element]
    feedback: Sequence[tuple[Element, str]] = ()


def asked(question: Question) -> Asked:
    """The parts of an item that its type decides."""
    match question.type:
        case QuestionType.MCQ | QuestionType.TRUE_FALSE:
            return _choice(question)
        case QuestionType.NUMERIC if question.value is not None:
            return _number(question.value, question.tolerance or 0)
        case QuestionType.MATCHING:
            return _matching(question)
        case QuestionType.ORDERING:
            return _ordering(question)
        case _:
            return _typed(question)


def material(html: str) -> Element:
    """HTML to be shown."""
    return node("material", {}, node("mattext", {"texttype": "text/html"}, html))


def condition(tests: Iterable[Element], *effects: Element, goes_on: bool = False) -> Element:
    """What happens under a condition, and whether later conditions are looked at as well."""
    return node(
        "respcondition",
        {"continue": "Yes" if goes_on else "No"},
        node("conditionvar", {}, *tests),
        *effects,
    )


def _choice(question: Question) -> Asked:
    options = [(letter(place), option) for place, option in enumerate(choices(question))]
    shown = _choices(_RESPONSE, "Single", [(name, option.text) for name, option in options])
    right = [_equals(_RESPONSE, name) for name, option in options if option.is_correct]
    feedback = [
        (_equals(_RESPONSE, name), option.feedback) for name, option in options if option.feedback
    ]
    return Asked([shown], [_right(right)], feedback)


def _typed(question: Question) -> Asked:
    tests = [
        node("varequal", {"respident": _RESPONSE, "case": "No"}, text)
        for text in spellings(question)
    ]
    return Asked([_blank({})], [_right(_any_of(tests))])


def _number(value: float, tolerance: float) -> Asked:
    low, high = decimal(value - tolerance), decimal(value + tolerance)
    within = node(
        "and",
        {},
        node("vargte", {"respident": _RESPONSE}, low),
        node("varlte", {"respident": _RESPONSE}, high),
    )
    exactly = node("varequal", {"respident": _RESPONSE}, decimal(value))
    return Asked([_blank({"fibtype": "Decimal"})], [_right(_any_of([exactly, within]))])


def _matching(question: Question) -> Asked:
    order = shown_order(question)
    rights = [
        (letter(place), question.pairs[position].right) for place, position in enumerate(order)
    ]
    names = [f"response{number}" for number in range(1, len(question.pairs) + 1)]
    shown = [
        _choices(name, "Single", rights, material(as_html(pair.left)))
        for name, pair in zip(names, question.pairs, strict=True)
    ]
    share = f"{FULL_SCORE / len(question.pairs):.2f}"
    scored = [
        condition(
            [_equals(name, letter(order.index(position)))],
            node("setvar", {"varname": "SCORE", "action": "Add"}, share),
            goes_on=True,
        )
        for position, name in enumerate(names)
    ]
    return Asked(shown, scored)


def _ordering(question: Question) -> Asked:
    order = shown_order(question)
    steps = [(letter(place), question.steps[position]) for place, position in enumerate(order)]
    key = [
        _equals(_RESPONSE, letter(order.index(position)), {"index": str(position + 1)})
        for position in range(len(order))
    ]
    return Asked([_choices(_RESPONSE, "Ordered", steps)], [_right([node("and", {}, *key)])])


def _right(tests: Iterable[Element]) -> Element:
    return condition(tests, node("setvar", {"varname": "SCORE", "action": "Set"}, str(FULL_SCORE)))


def _any_of(tests: Sequence[Element]) -> list[Element]:
    return [node("or", {}, *tests)] if len(tests) > 1 else list(tests)


def _equals(name: str, value: str, attributes: dict[str, str] | None = None) -> Element:
    return node("varequal", {"respident": name, **(attributes or {})}, value)


def _blank(attributes: dict[str, str]) -> Element:
    label = node("response_label", {"ident": "answer1"})
    blank = node("render_fib", attributes, label)
    return node("response_str", {"ident": _RESPONSE, "rcardinality": "Single"}, blank)


def _choices(
    name: str, cardinality: str, labelled: Iterable[tuple[str, str]], *before: Element
) -> Element:
    labels = (
        node("response_label", {"ident": ident}, material(as_html(text)))
        for ident, text in labelled
    )
    return node(
        "response_lid",
        {"ident": name, "rcardinality": cardinality},
        *before,
        node("render_choice", {}, *labels),
    )
