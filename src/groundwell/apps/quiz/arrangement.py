"""In which order questions and options stand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random

from groundwell.apps.quiz.checks.numeric_options import numbers_of
from groundwell.apps.quiz.questions import Question, QuestionType, QuizMode

KEY_SLACK = 1
"""How many more keys than its even share a place among the options may have."""


def in_order(questions: Sequence[Question], mode: QuizMode, chance: Random) -> list[Question]:
    """To practise, from easy to hard; in a quiz mixed, the same type apart where that can be."""
    if mode is QuizMode.PRACTICE:
        return _shorter_first(sorted(questions, key=lambda question: question.difficulty))
    waiting = list(questions)
    chance.shuffle(waiting)
    ordered: list[Question] = []
    while waiting:
        counts = Counter(question.type for question in waiting)
        last = ordered[-1].type if ordered else None
        # What is left most of goes first, or it would be left alone at the end.
        following = max(waiting, key=lambda each: (each.type != last, counts[each.type]))
        waiting.remove(following)
        ordered.append(following)
    return ordered


def _shorter_first(questions: Sequence[Question]) -> list[Question]:
    """The questions with those whose proofs begin at the same place in the order of their lengths.

    The proof of a table's row holds all rows above it, and is shown with the answer.
    """
    places: dict[tuple[str, int, int], list[int]] = {}
    for at, question in enumerate(questions):
        source = question.source
        places.setdefault((source.document_id, source.version, source.start), []).append(at)
    ordered = list(questions)
    for ats in places.values():
        together = sorted((questions[at] for at in ats), key=lambda each: each.source.end)
        for at, question in zip(ats, together, strict=True):
            ordered[at] = question
    return ordered


def with_even_keys(
    questions: Sequence[Question], chance: Random, firsts: int = 0
) -> list[Question]:
    """The questions with mixed options: the key stands equally often in each place.

    Numbers keep their order, and so do True and False. The others take the places that are short
    of keys: those with the fewest options first, as they have the fewest places to choose from.
    Without numbers among them, the counts of the places that all of them have differ by one at
    most. The first `firsts` questions stay as they are: they were shown like that before.
    """
    choices = [at for at, each in enumerate(questions) if _is_choice(each)]
    free = [at for at in choices if at >= firsts and not is_fixed(questions[at])]
    places = Counter(key_place(questions[at]) for at in choices if at not in free)
    chance.shuffle(free)
    free.sort(key=lambda at: len(questions[at].options))
    mixed = list(questions)
    for at in free:
        size = len(mixed[at].options)
        least = min(places[place] for place in range(size))
        place = chance.choice([place for place in range(size) if places[place] == least])
        places[place] += 1
        mixed[at] = _mixed(mixed[at], place, chance)
    return mixed


def most_keys(place: int, widths: Mapping[int, int]) -> int:
    """How many keys may stand in a place, where `widths` counts choices by how many options."""
    share = sum(Fraction(count, width) for width, count in widths.items() if place < width)
    return math.ceil(share) + KEY_SLACK


def key_place(question: Question) -> int:
    """At which place among the options the key of a choice stands, from 0."""
    return [option.is_correct for option in question.options].index(True)


def is_fixed(question: Question) -> bool:
    """Whether the options of a choice are numbers, which stand in the order of their size."""
    texts = [option.text for option in question.options]
    return numbers_of(texts, question.language) is not None


def _is_choice(question: Question) -> bool:
    return question.type is QuestionType.MCQ


def _mixed(question: Question, place: int, chance: Random) -> Question:
    options = [option for option in question.options if not option.is_correct]
    chance.shuffle(options)
    options.insert(place, next(option for option in question.options if option.is_correct))
    return replace(question, options=tuple(options))
