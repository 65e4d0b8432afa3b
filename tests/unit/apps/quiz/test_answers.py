"""Answers: what is right, when to ask again, and what many of them tell of a question."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from groundwell.apps.quiz.grading import grade
from groundwell.apps.quiz.item_statistics import GivenAnswer, item_statistics
from groundwell.apps.quiz.questions import Option, Pair, Question, QuestionType, Source
from groundwell.apps.quiz.review import Recall, space
from groundwell.apps.quiz.shown import shown_order
from groundwell.apps.quiz.stored import read_question, write_question
from groundwell.domain.chunks import ChunkId
from groundwell.domain.errors import InvalidInputError

SOURCE = Source("d", 1, "d.txt", None, None, ChunkId("c"), 0, 4, "Air.")
START = datetime(2026, 1, 1, tzinfo=UTC)


def question(kind: QuestionType, answer: str = "Air", **more: object) -> Question:
    return Question(kind, "What?", answer, "Because.", SOURCE, "t", **more)  # type: ignore[arg-type] - the fields' own types


MCQ = question(
    QuestionType.MCQ,
    options=(
        Option("Fire", is_correct=False, feedback="It burns."),
        Option("Air", is_correct=True),
    ),
)
NUMBER = question(QuestionType.NUMERIC, "1,200 m", value=1200.0, tolerance=50.0, unit="m")
GERMAN = replace(NUMBER, answer="2,5 m", value=2.5, tolerance=0.0, language="de")
TYPED = question(QuestionType.CLOZE, "the Moon", accepted=("Luna",))
STEPS = question(QuestionType.ORDERING, "a, b, c", steps=("mill", "knead", "bake"))
PAIRS = question(
    QuestionType.MATCHING,
    "x",
    pairs=(Pair("hot", "summer"), Pair("cold", "winter"), Pair("wet", "autumn")),
)


@pytest.mark.parametrize(
    ("asked", "given", "is_right"),
    [
        (MCQ, "air", True),
        (MCQ, " B) ", True),
        (MCQ, "a", False),
        (question(QuestionType.TRUE_FALSE, "True"), "true", True),
        (question(QuestionType.TRUE_FALSE, "False"), "A", False),
        (NUMBER, "1200", True),
        (NUMBER, "about 1,230 m", True),
        (NUMBER, "1251", False),
        (NUMBER, "-1200", False),
        (NUMBER, "many", False),
        (NUMBER, "1.2e3", True),
        (NUMBER, "1 200 m", True),
        (replace(NUMBER, value=0.5, tolerance=0.0), ".5", True),
        (replace(NUMBER, value=0.5, tolerance=0.0), "−.5", False),
        (replace(NUMBER, value=12.0, tolerance=0.0), "1,2", False),
        *((GERMAN, given, True) for given in ("2,5", "2,5m", "ca. 2,5", "2,50 m", "2.5")),
        (GERMAN, "25", False),
        (replace(GERMAN, value=1465.0), "1.465 m", True),
        (replace(NUMBER, answer="four tons", accepted=("four",), value=4.0), "Four", True),
        (replace(NUMBER, answer="four tons", accepted=("four",), value=4.0), "Four tons", True),
        (replace(NUMBER, answer="four tons", accepted=("four",), value=400.0), "five", False),
        (TYPED, "moon.", True),
        (TYPED, "  The   MOON", True),
        (TYPED, "luna", True),
        (TYPED, "sun", False),
        (STEPS, ["mill", "knead", "Bake"], True),
        (STEPS, ["knead", "mill", "bake"], False),
        (PAIRS, ["summer", "winter", "autumn"], True),
        (PAIRS, ["winter", "summer", "autumn"], False),
    ],
)
def test_answers_are_right_as_a_teacher_would_say(
    asked: Question, given: str | list[str], is_right: bool
) -> None:
    assert grade(asked, given).is_correct is is_right


def test_letters_stand_for_what_is_shown_under_them():
    order = shown_order(STEPS)
    letters = ["ABC"[order.index(place)] for place in range(3)]
    assert grade(STEPS, letters).is_correct
    assert grade(STEPS, letters).chosen == "mill; knead; bake"


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (MCQ, "Water"),
        (MCQ, "Z"),
        (MCQ, ["a"]),
        (STEPS, "mill"),
        (PAIRS, ["a"]),
        (STEPS, ["A", "B", "Q"]),
        (STEPS, ["mill", "knead", ""]),
        (TYPED, "  "),
        (NUMBER, ""),
    ],
)
def test_an_answer_of_another_form_is_refused(asked: Question, given: str | list[str]):
    with pytest.raises(InvalidInputError) as caught:
        grade(asked, given)
    assert caught.value.code == "invalid_answer"


def test_a_wrong_option_is_answered_with_its_own_feedback():
    assert grade(MCQ, "Fire").feedback == "It burns."
    assert grade(MCQ, "Air").feedback == "Because."


@pytest.mark.parametrize("each", [MCQ, NUMBER, TYPED, STEPS, PAIRS])
def test_a_stored_question_is_the_same_question(each: Question):
    assert read_question(write_question(each)) == each


def test_good_answers_lead_to_longer_and_longer_pauses_and_a_bad_one_back():
    card, moment, pauses = None, START, []
    for _ in range(6):
        spacing = space(card, Recall.GOOD, moment, 1000)
        pauses.append(spacing.due - moment)
        card, moment = spacing.card, spacing.due
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(minutes=10)
    assert pauses[-1] > timedelta(days=30)
    failed = space(card, Recall.AGAIN, moment, None)
    assert failed.due - moment == timedelta(minutes=10)


def test_the_same_reviews_give_the_same_days_whatever_chance_does():
    def dues(seed: int) -> list[datetime]:
        random.seed(seed)
        card, moment, found = None, START, []
        for recall in (Recall.GOOD, Recall.EASY, Recall.GOOD, Recall.HARD):
            spacing = space(card, recall, moment, None)
            found.append(spacing.due)
            card, moment = spacing.card, spacing.due
        return found

    assert dues(1) == dues(2)


def answers(*given: tuple[bool, float | None], chosen: str | None = None) -> list[GivenAnswer]:
    return [GivenAnswer(right, chosen, others) for right, others in given]


def test_discrimination_is_the_point_biserial_correlation():
    # 0.8944 by hand: means 0.5 and 0.5, covariance 0.1, deviations 0.5 and 0.2236.
    given = answers((True, 0.8), (True, 0.6), (False, 0.4), (False, 0.2))
    found = item_statistics(MCQ, given)
    assert found.discrimination == pytest.approx(0.8944, abs=1e-4)
    assert found.share_correct == 0.5
    assert found.flaw is None
    alike = item_statistics(MCQ, answers((True, 0.3), (False, 0.3), (True, None)))
    assert alike.discrimination is None


def test_nothing_retires_before_thirty_people_have_answered():
    against = ((True, 0.2), (False, 0.9))
    assert item_statistics(MCQ, answers(*against * 14)).flaw is None
    found = item_statistics(MCQ, answers(*against * 15))
    assert found.discrimination == pytest.approx(-1)
    assert found.flaw is not None
    assert "know more" in found.flaw


def test_people_who_answered_nothing_else_tell_nothing_of_discrimination():
    unknown = answers(*((True, None), (False, None)) * 10)
    known = answers(*((True, 0.2), (False, 0.9)) * 14)
    assert item_statistics(MCQ, [*unknown, *known]).discrimination == pytest.approx(-1)
    assert item_statistics(MCQ, [*unknown, *known]).flaw is None
    assert item_statistics(MCQ, [*unknown, *known, *known]).flaw is not None


@pytest.mark.parametrize(
    ("people", "agreeing", "correlation", "retires"),
    [(30, 10, -1 / 3, False), (30, 8, -7 / 15, True), (300, 120, -0.2, True)],
)
def test_a_discrimination_that_chance_explains_retires_nothing(
    people: int, agreeing: int, correlation: float, *, retires: bool
):
    # Half know this question and half the others, and `agreeing` of them both or neither. The
    # interval of 95 % ends at 0 for -0.36 with 30 people, for -0.11 with 300.
    pairs = [(True, 1.0), (False, 0.0)] * (agreeing // 2)
    pairs += [(True, 0.0), (False, 1.0)] * ((people - agreeing) // 2)
    found = item_statistics(MCQ, answers(*pairs))
    assert found.discrimination == pytest.approx(correlation)
    assert (found.flaw is not None) is retires


def test_what_is_answered_worse_than_by_guessing_retires_and_what_is_hard_does_not():
    bad = item_statistics(MCQ, answers(*[(False, None)] * 25, *[(True, None)] * 5))
    hard = item_statistics(MCQ, answers(*[(False, None)] * 20, *[(True, None)] * 10))
    typed = item_statistics(TYPED, answers(*[(False, None)] * 40))
    assert bad.flaw is not None
    assert hard.flaw is None
    assert typed.flaw is None


def test_options_that_nobody_chooses_are_named_once_enough_have_chosen():
    few = answers(*[(True, None)] * 29, chosen="Air")
    assert item_statistics(MCQ, few).dead_distractors == ()
    many = answers(*[(True, None)] * 30, chosen="Air")
    assert item_statistics(MCQ, many).dead_distractors == ("Fire",)
