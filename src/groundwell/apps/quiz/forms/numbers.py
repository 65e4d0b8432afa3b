"""Questions about numbers: type it, choose it, tell a right one from a wrong one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.forms.amounts import SHARES, amounts_near, size_of
from groundwell.apps.quiz.forms.compose import choice, seed_for, source_of
from groundwell.apps.quiz.forms.material import Material
from groundwell.apps.quiz.forms.verdicts import false_statement
from groundwell.apps.quiz.forms.wording import (
    GAP,
    claim_of,
    explain,
    in_context,
    terms_in,
    with_gap,
    words_at,
)
from groundwell.apps.quiz.language import has_tagger
from groundwell.apps.quiz.questions import Option, Question, QuestionType

# What is more than 75 is more than 25 as well.
_BOUND = re.compile(
    r"\b(?:than|least|most|over|under|within|exceed(?:s|ing)?|up to|to|until|minimum of|maximum of)"
    r"\W{1,3}\Z",
    re.IGNORECASE,
)
# "No test is 100 percent accurate" is true of 50 percent as well.
_DENIED = re.compile(r"\b(?:no|not|never|cannot|without)\b", re.IGNORECASE)
_LEAST_OTHERS = 2
_OTHERS = 3
_ROUGH_PARTS = 20
# "About 10" may be 12.
_LEAST_RATIO_OF_ROUGH = 1.4
_AMOUNT = re.compile(r"(?<![\d.,])\d+(?:\.\d+)?(?![\d,])")
_WHOLE = 100.0
_LEAST_TERMS = 4
_LEAST_UNTAGGED_TERMS = 7


class Numbers:
    """Makes questions of quantities; the values of the same unit are one another's distractors.

    Where there are too few of them, others are made up.
    """

    def __init__(self, material: Material) -> None:
        self._material = material
        self._values: dict[str, dict[float, str]] = defaultdict(dict)
        for fact in material.facts:
            if fact.kind == FactKind.QUANTITY and fact.number and fact.value is not None:
                text = words_at(material.passage_of(fact), fact.number)
                self._values[self.unit_of(fact)].setdefault(fact.value, text)

    def unit_of(self, fact: Fact) -> str:
        """The unit as the text writes it; "year" for a year."""
        return words_at(self._material.passage_of(fact), fact.unit) if fact.unit else "year"

    def questions(self, fact: Fact, seed: int) -> Iterator[Question]:
        """The questions whose key is the fact's number."""
        if fact.number is None or fact.value is None:
            return
        passage = self._material.passage_of(fact)
        shown = with_gap(passage, fact.quote, fact.number)
        number = words_at(passage, fact.number)
        is_tagged = has_tagger(passage.language, passage.text)
        least = _LEAST_TERMS if is_tagged else _LEAST_UNTAGGED_TERMS
        if len(terms_in(shown, passage.language)) < least or number in shown:
            return
        if self.unit_of(fact) in SHARES and _makes_a_whole(fact.value, shown):
            return
        yield self._typed(fact, shown, seed)
        if not is_tagged:
            return
        before, _, after = shown.partition(GAP)
        # "50% (1 in 2)" would give a wrong number away.
        if "(" in after[:4] or _BOUND.search(before):
            return
        others = self._others(fact, seed)
        if len(others) >= _LEAST_OTHERS:
            yield self._chosen(fact, shown, others, seed)
        if others and not _DENIED.search(shown):
            yield self._false(fact, others[0], seed)

    def _typed(self, fact: Fact, shown: str, seed: int) -> Question:
        assert fact.number is not None
        assert fact.value is not None
        passage, unit = self._material.passage_of(fact), self.unit_of(fact)
        number = words_at(passage, fact.number)
        asked = "year" if unit == "year" else "number"
        answer = number if unit == "year" else _measured(number, unit)
        template = f"number@{fact.number.start - fact.quote.start}"
        note = "" if unit == "year" else f" (unit: {unit})"
        return Question(
            type=QuestionType.NUMERIC,
            stem=in_context(f"Which {asked} is missing{note}? “{shown}”", shown, passage, ""),
            answer=answer,
            explanation=explain(passage, fact, answer),
            source=source_of(passage, fact.quote),
            template=template,
            claim=claim_of(passage, fact.quote, fact.number),
            accepted=(number,) if answer != number else (),
            value=fact.value,
            tolerance=fact.value / _ROUGH_PARTS if fact.is_rough else 0.0,
            unit=unit,
            hint=_bounds(fact.value, unit),
            difficulty=4,
            language=passage.language,
            seed=seed_for(seed, passage.chunk_id, fact.quote, template),
        )

    def _others(self, fact: Fact, seed: int) -> list[str]:
        """Numbers of the same unit, the nearest first; made up where there are few."""
        value = fact.value
        assert fact.number is not None
        assert value is not None
        passage, unit = self._material.passage_of(fact), self.unit_of(fact)
        sentence, number = words_at(passage, fact.quote), words_at(passage, fact.number)
        own = seed_for(seed, passage.chunk_id, fact.quote, number)
        told = self._values[unit]
        if fact.is_rough:
            told = {other: text for other, text in told.items() if _is_far(other, value)}
        return amounts_near(number, value, unit, _OTHERS, own, told, taken=sentence)

    def _chosen(self, fact: Fact, shown: str, others: list[str], seed: int) -> Question:
        assert fact.number is not None
        passage = self._material.passage_of(fact)
        number = words_at(passage, fact.number)
        told = explain(passage, fact, number)
        options = [
            Option(text, is_correct=text == number, feedback=told)
            for text in sorted([number, *others], key=size_of)
        ]
        return choice(
            passage,
            fact,
            stem=in_context(
                f"Which {'year' if not fact.unit else 'number'} completes the sentence? “{shown}”",
                shown,
                passage,
                "",
            ),
            key=Option(number, is_correct=True),
            others=options,
            template=f"which-number@{fact.number.start - fact.quote.start}",
            claim=claim_of(passage, fact.quote, fact.number),
            explanation=told,
            seed=seed,
            hint=_bounds(fact.value or 0.0, self.unit_of(fact)),
            difficulty=3,
            is_sorted=True,
        )

    def _false(self, fact: Fact, other: str, seed: int) -> Question:
        assert fact.number is not None
        passage = self._material.passage_of(fact)
        number = words_at(passage, fact.number)
        return false_statement(
            passage,
            fact,
            fact.number,
            other,
            template=f"false-number@{fact.number.start - fact.quote.start}",
            seed=seed,
            hint="Mind the number.",
            why_false=f"it is {number}, not {other}",
        )


def _makes_a_whole(value: float, shown: str) -> bool:
    """Whether the sentence tells what is left: 30 of 100 percent give 70 away."""
    return any(abs(value + float(other) - _WHOLE) < 1.0 for other in _AMOUNT.findall(shown))


def _is_far(other: float, value: float) -> bool:
    return max(other, value) >= _LEAST_RATIO_OF_ROUGH * min(other, value)


def _measured(number: str, unit: str) -> str:
    if unit in "$€£":
        return f"{unit}{number}"
    return f"{number}{unit}" if unit in "%°" else f"{number} {unit}"


def _bounds(value: float, unit: str) -> str:
    """A hint that halves the work: bounds of one significant digit around the value."""
    if unit == "year":
        century = (int(value) - 1) // 100 + 1
        return f"It is in the {century}{'st' if century % 10 == 1 else 'th'} century."
    if unit in SHARES and value <= _WHOLE:
        return "It is more than half." if value > _WHOLE / 2 else "It is at most half."
    low, high = float(f"{value / 3:.1g}"), float(f"{value * 3:.1g}")
    low = max(low, 1.0) if value.is_integer() else low
    return f"It is between {low:,g} and {high:,g}."
