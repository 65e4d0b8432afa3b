"""How each type of question is asked and scored in QTI 2.1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from groundwell.apps.quiz.exports.xml_nodes import node
from groundwell.apps.quiz.legible import decimal, legible
from groundwell.apps.quiz.questions import Question, QuestionType
from groundwell.apps.quiz.shown import around_gap, choices, letter, shown_order, spellings

RESPONSE: Final = "RESPONSE"
"""The variable that holds what was answered."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """What is declared, shown and scored, and what is said to each choice, by its identifier."""

    declaration: Element
    body: Sequence[Element]
    scoring: Element
    feedback: Sequence[tuple[str, str]] = ()


def interaction_of(question: Question) -> Interaction:
    """The parts of an item that its type decides."""
    match question.type:
        case QuestionType.MCQ | QuestionType.TRUE_FALSE:
            return _choice(question)
        case QuestionType.NUMERIC if question.value is not None:
            return _number(question, question.value, question.tolerance or 0)
        case QuestionType.MATCHING:
            return _matching(question)
        case QuestionType.ORDERING:
            return _ordering(question)
        case _:
            return _typed(question)


def _choice(question: Question) -> Interaction:
    options = [(letter(place), option) for place, option in enumerate(choices(question))]
    key = [name for name, option in options if option.is_correct]
    body = node(
        "choiceInteraction",
        {"responseIdentifier": RESPONSE, "shuffle": "false", "maxChoices": "1"},
        _prompt(question),
        *_simple_choices((name, option.text) for name, option in options),
    )
    feedback = [(name, text) for name, option in options if (text := legible(option.feedback))]
    declared = _declared("single", "identifier", _correct(key))
    return Interaction(declared, [body], _scored_if(_matches_key()), feedback)


def _typed(question: Question) -> Interaction:
    key = spellings(question)
    # The first of two keys that differ in case alone would hide the second.
    distinct = {text.casefold(): text for text in reversed(key)}
    entries = dict.fromkeys(reversed(distinct.values()), "1")
    gap = node("textEntryInteraction", {"responseIdentifier": RESPONSE})
    declared = _declared(
        "single", "string", _correct(key[:1]), _mapping(entries, {"caseSensitive": "false"})
    )
    return Interaction(declared, _with_gap(question, gap), _scored_by_mapping())


def _number(question: Question, value: float, tolerance: float) -> Interaction:
    gap = node("textEntryInteraction", {"responseIdentifier": RESPONSE})
    how = (
        {"toleranceMode": "absolute", "tolerance": f"{decimal(tolerance)} {decimal(tolerance)}"}
        if tolerance
        else {"toleranceMode": "exact"}
    )
    declared = _declared("single", "float", _correct([decimal(value)]))
    return Interaction(
        declared, _with_gap(question, gap), _scored_if(node("equal", how, *_response_and_key()))
    )


def _matching(question: Question) -> Interaction:
    count = len(question.pairs)
    lefts = [(f"L{number}", pair.left) for number, pair in enumerate(question.pairs, start=1)]
    rights = [
        (f"R{position + 1}", question.pairs[position].right) for position in shown_order(question)
    ]
    key = [f"L{number} R{number}" for number in range(1, count + 1)]
    body = node(
        "matchInteraction",
        {"responseIdentifier": RESPONSE, "shuffle": "false", "maxAssociations": str(count)},
        _prompt(question),
        _match_set(lefts),
        _match_set(rights),
    )
    mapping = _mapping(dict.fromkeys(key, repr(1 / count)))
    declared = _declared("multiple", "directedPair", _correct(key), mapping)
    return Interaction(declared, [body], _scored_by_mapping())


def _ordering(question: Question) -> Interaction:
    order = shown_order(question)
    body = node(
        "orderInteraction",
        {"responseIdentifier": RESPONSE, "shuffle": "false"},
        _prompt(question),
        *_simple_choices((f"S{position + 1}", question.steps[position]) for position in order),
    )
    key = [f"S{number}" for number in range(1, len(order) + 1)]
    declared = _declared("ordered", "identifier", _correct(key))
    return Interaction(declared, [body], _scored_if(_matches_key()))


def _declared(cardinality: str, base_type: str, *key: Element) -> Element:
    attributes = {"identifier": RESPONSE, "cardinality": cardinality, "baseType": base_type}
    return node("responseDeclaration", attributes, *key)


def _correct(values: Iterable[str]) -> Element:
    return node("correctResponse", {}, *(node("value", {}, value) for value in values))


def _mapping(entries: Mapping[str, str], attributes: Mapping[str, str] | None = None) -> Element:
    listed = (
        node("mapEntry", {"mapKey": key, "mappedValue": value, **(attributes or {})})
        for key, value in entries.items()
    )
    return node("mapping", {"defaultValue": "0"}, *listed)


def _prompt(question: Question) -> Element:
    return node("prompt", {}, legible(question.stem))


def _with_gap(question: Question, gap: Element) -> list[Element]:
    """The stem with something to fill in: where the gap is, else after it."""
    stem = legible(question.stem)
    parts = around_gap(stem) if question.type is QuestionType.CLOZE else None
    if parts is None:
        return [node("p", {}, stem), node("p", {}, gap)]
    before, after = parts
    return [node("p", {}, before, gap, after)]


def _simple_choices(named: Iterable[tuple[str, str]]) -> Iterable[Element]:
    return (node("simpleChoice", {"identifier": name}, legible(text)) for name, text in named)


def _match_set(named: Iterable[tuple[str, str]]) -> Element:
    return node(
        "simpleMatchSet",
        {},
        *(
            node("simpleAssociableChoice", {"identifier": name, "matchMax": "1"}, legible(text))
            for name, text in named
        ),
    )


def _response_and_key() -> tuple[Element, Element]:
    return node("variable", {"identifier": RESPONSE}), node("correct", {"identifier": RESPONSE})


def _matches_key() -> Element:
    return node("match", {}, *_response_and_key())


def _scored_if(test: Element) -> Element:
    point = node("baseValue", {"baseType": "float"}, "1")
    scored = node("setOutcomeValue", {"identifier": "SCORE"}, point)
    return node("responseCondition", {}, node("responseIf", {}, test, scored))


def _scored_by_mapping() -> Element:
    mapped = node("mapResponse", {"identifier": RESPONSE})
    return node("setOutcomeValue", {"identifier": "SCORE"}, mapped)
