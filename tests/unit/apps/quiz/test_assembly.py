"""Sets: nothing twice, nothing given away, spread over what there is, and honest about gaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.apps.quiz.made_up import checked, make_land, passage_of

from groundwell.apps.quiz.assembly import assemble, with_first
from groundwell.apps.quiz.checks import CHECKS, Evidence, check_question
from groundwell.apps.quiz.checks.numeric_options import is_sorted, numbers_of
from groundwell.apps.quiz.facts import facts_of
from groundwell.apps.quiz.forms import draft_questions
from groundwell.apps.quiz.questions import (
    CheckResult,
    Question,
    QuestionSet,
    QuestionType,
    QuizMode,
)
from groundwell.apps.quiz.resemblance import is_duplicate, is_giveaway, likeness_of
from groundwell.apps.quiz.selection import MAX_SAME_KEY
from groundwell.apps.quiz.set_checks import check_set

PASSED = tuple(CheckResult(name, passed=True) for name in CHECKS)


@cache
def drafts() -> tuple[Question, ...]:
    return tuple(checked(make_land()))


def practice(questions: list[Question], asked: int = 25, **more: int) -> QuestionSet:
    return assemble(questions, asked=asked, mode=QuizMode.PRACTICE, seed=1, **more)


def unlike_drafts() -> tuple[Question, Question]:
    """Questions of two types about two things."""
    cloze = next(each for each in drafts() if each.type is QuestionType.CLOZE)
    others = (each for each in drafts() if each.source.chunk_id != cloze.source.chunk_id)
    return cloze, next(each for each in others if each.type is QuestionType.SHORT)


def key_places(questions: tuple[Question, ...], *, numbers: bool) -> Counter[int]:
    """Where the keys stand of those choices whose options are numbers, or of the others."""
    return Counter(
        [option.is_correct for option in question.options].index(True)
        for question in questions
        if question.type is QuestionType.MCQ
        and numbers is (numbers_of([each.text for each in question.options], "en") is not None)
    )


def failed(questions: Sequence[Question], mode: QuizMode = QuizMode.PRACTICE) -> set[str]:
    return {check.name for check in check_set(questions, mode, 30) if not check.passed}


some_drafts = st.lists(
    st.integers(0, len(make_land(5).questions) * 6 - 1), unique=True, max_size=120
).map(lambda places: [drafts()[place] for place in places])


@settings(max_examples=40, deadline=None)
@given(some_drafts, st.integers(0, 30), st.sampled_from(QuizMode), st.integers(0, 2**31))
def test_sets_keep_their_promises(
    questions: list[Question], asked: int, mode: QuizMode, seed: int
) -> None:
    made = assemble(questions, asked=asked, mode=mode, seed=seed)
    chosen = made.questions
    assert made == assemble(list(questions), asked=asked, mode=mode, seed=seed)
    assert len(chosen) <= asked
    assert {each.id for each in chosen} <= {each.id for each in questions}
    assert bool(made.notes) == (len(chosen) < asked)
    likenesses = [likeness_of(each) for each in chosen]
    for first, second in combinations(likenesses, 2):
        assert not is_duplicate(first, second)
        assert not is_giveaway(first, second)
    placed = key_places(chosen, numbers=False)
    places = placed + key_places(chosen, numbers=True)
    least = min(places[place] for place in range(4))
    assert all(places[place] <= least + 1 for place in placed)
    truths = Counter(e.answer for e in chosen if e.type is QuestionType.TRUE_FALSE)
    assert abs(truths["True"] - truths["False"]) <= 1
    assert not failed(chosen, mode) & {"duplicates", "giveaways", "key_balance"}
    before = {each.id: each for each in questions}
    for each in chosen:
        assert sorted(each.options, key=repr) == sorted(before[each.id].options, key=repr)
        assert is_sorted([option.text for option in each.options], each.language)


def test_full_set_has_as_many_questions_as_asked_and_no_notes() -> None:
    made = practice(list(drafts()))
    assert (len(made.questions), made.asked, made.notes) == (25, 25, ())


def test_full_set_takes_from_every_document_before_it_takes_twice() -> None:
    made = practice(list(drafts()), 45)
    counts = Counter(question.source.document_id for question in made.questions)
    assert len(counts) == 30
    assert max(counts.values()) == 2


def test_larger_documents_give_more_questions() -> None:
    documents = sorted({question.source.document_id for question in drafts()})[:4]
    questions = [each for each in drafts() if each.source.document_id in documents]
    sizes = dict(zip(documents, (400, 100, 100, 100), strict=True))
    made = assemble(questions, asked=8, mode=QuizMode.QUIZ, seed=3, sizes=sizes)
    counts = Counter(question.source.document_id for question in made.questions)
    assert [counts[document] for document in documents] == [5, 1, 1, 1]


def test_set_mixes_types_and_levels() -> None:
    made = practice(list(drafts()))
    types = Counter(question.type for question in made.questions)
    assert types.keys() == set(QuestionType)
    assert types.most_common(1)[0][0] is QuestionType.MCQ
    assert max(types.values()) <= 12
    assert len({question.bloom for question in made.questions}) == 3


def test_practice_goes_from_easy_to_hard() -> None:
    difficulties = [question.difficulty for question in practice(list(drafts())).questions]
    assert difficulties == sorted(difficulties)
    assert len(set(difficulties)) == 4


def test_quiz_never_has_the_same_type_twice_in_a_row_while_it_has_others() -> None:
    made = assemble(drafts(), asked=25, mode=QuizMode.QUIZ, seed=5)
    types = [question.type for question in made.questions]
    assert all(first is not second for first, second in pairwise(types))


def test_keys_of_choices_stand_in_each_place_equally_often() -> None:
    choices = [each for each in drafts() if each.template == "definition-mcq"]
    places = key_places(practice(choices, 26).questions, numbers=False)
    assert sorted(places.values()) == [6, 6, 7, 7]


def test_another_seed_mixes_options_otherwise() -> None:
    first = assemble(drafts(), asked=25, mode=QuizMode.PRACTICE, seed=1)
    second = assemble(drafts(), asked=25, mode=QuizMode.PRACTICE, seed=2)
    assert {each.id for each in first.questions} == {each.id for each in second.questions}
    assert first != second


def test_same_sentence_is_asked_about_once() -> None:
    question = drafts()[0]
    again = replace(question, template="another", stem="What is this, in other words?")
    made = practice([question, again], 2)
    assert made.questions[0].id == question.id
    assert made.notes == (
        (
            "1 of 2 questions is missing: "
            "the documents have no more facts that can be asked about without doubt."
        ),
        "Left out of the set: 1 that asked the same as another.",
    )


def test_stems_that_are_all_but_the_same_are_asked_once() -> None:
    first, second = (each for each in drafts()[:18] if each.type is QuestionType.SHORT)
    twin = replace(second, stem=first.stem.replace("?", " ?"))
    assert len(practice([first, twin], 2).questions) == 1
    assert len(practice([first, second], 2).questions) == 2


def test_question_that_shows_the_answer_of_another_is_left_out() -> None:
    first, second = unlike_drafts()
    told = second.claim.replace("{}", second.answer)
    talkative = replace(first, explanation=f"{first.explanation} Besides: {told}")
    made = practice([talkative, second], 2)
    assert [question.id for question in made.questions] == [first.id]
    assert made.notes[1] == "Left out of the set: 1 that gave away the answer of another."


def test_mere_mention_of_a_key_gives_nothing_away() -> None:
    first, second = unlike_drafts()
    named = replace(first, explanation=f"{first.explanation} Compare {second.answer}.")
    assert len(practice([named, second], 2).questions) == 2


def test_notes_count_what_the_checks_refused() -> None:
    refused = [
        replace(
            question,
            checks=tuple(replace(check, passed=check.name != name) for check in PASSED),
        )
        for question, name in zip(
            drafts()[:3], ("round_trip", "second_answer", "round_trip"), strict=True
        )
    ]
    made = assemble(
        [*refused, drafts()[9]], asked=4, mode=QuizMode.QUIZ, seed=1, topic="boats",
        notes=("Said before.",),
    )  # fmt: skip
    assert made.notes == (
        "Said before.",
        (
            "3 of 4 questions are missing: "
            "the documents on this topic have no more facts that can be asked about without doubt."
        ),
        (
            "3 drafts were refused: 1 with a second right answer "
            "and 2 whose answer is not found with the question alone."
        ),
    )


def test_true_statements_alone_make_no_set() -> None:
    true = [each for each in drafts() if each.answer == "True"]
    made = practice(true, 10)
    assert len(made.questions) == 1
    assert "in balance" in made.notes[1]


def test_no_questions_make_an_empty_set_that_says_so() -> None:
    made = practice([], 1)
    assert made.questions == ()
    assert made.notes == (
        (
            "1 of 1 question is missing: "
            "the documents have no more facts that can be asked about without doubt."
        ),
    )


def test_unchecked_question_is_an_error() -> None:
    with pytest.raises(ValueError, match="not checked"):
        practice([replace(drafts()[0], checks=())])


def test_a_set_does_not_ask_for_the_same_answer_again_and_again():
    named = [each for each in drafts() if each.type is not QuestionType.TRUE_FALSE]
    right = [each for each in named if not each.failures]
    alike = [replace(each, answer="the tide") for each in right]
    assert len(practice(right).questions) > MAX_SAME_KEY
    assert len(practice(alike).questions) == MAX_SAME_KEY


@settings(max_examples=40, deadline=None)
@given(some_drafts, some_drafts, st.integers(1, 30), st.integers(0, 2**31))
def test_what_is_due_stands_first_and_nothing_beside_it_is_like_it(
    questions: list[Question], due: list[Question], asked: int, seed: int
) -> None:
    made = assemble(questions, asked=asked, mode=QuizMode.PRACTICE, seed=seed, notes=("Said.",))
    mixed = with_first(made, due, asked, seed)
    assert mixed == with_first(made, list(due), asked, seed)
    assert len(mixed.questions) <= asked
    head = [each for each in mixed.questions if each in due[:asked]]
    # As they were shown before, in the order in which they fell due.
    assert list(mixed.questions[: len(head)]) == head == [e for e in due[:asked] if e in head]
    assert head[:1] == due[:1]
    likenesses = [likeness_of(each) for each in mixed.questions]
    for first, second in combinations(likenesses, 2):
        assert not is_duplicate(first, second)
        assert not is_giveaway(first, second)
    missing = asked - len(mixed.questions)
    told = [note for note in mixed.notes if "missing" in note]
    assert mixed.notes[0] == "Said."
    assert len(told) == bool(missing)
    assert all(note.startswith(f"{missing} of {asked} question") for note in told)


def test_a_set_with_something_due_is_as_full_as_without() -> None:
    made = practice(list(drafts()), 25)
    asked = {question.id for question in made.questions}
    sentences = {question.source.quote for question in made.questions}
    rivals = [each for each in drafts() if each.source.quote in sentences and each.id not in asked]
    mixed = with_first(made, rivals[:1], 25, 1)
    assert mixed.questions[0] == rivals[0]
    # It stands for the one on the same sentence, so that none is missing.
    assert (len(mixed.questions), mixed.notes) == (25, ())


def test_what_is_due_comes_first_as_far_as_the_set_can_even_it_out() -> None:
    made = practice(list(drafts()), 45)
    chunks = {each.source.chunk_id for each in made.questions if each.answer == "False"}
    assert len(chunks) > 3
    true = [
        each
        for each in drafts()
        if each.answer == "True" and not each.failures and each.source.chunk_id not in chunks
    ]
    mixed = with_first(made, true[:4], 5, 1)
    # Three of them leave room for the two that are false; the fourth is due the next time.
    assert mixed.questions[:3] == tuple(true[:3])
    assert [each.answer for each in mixed.questions[3:]] == ["False", "False"]
    assert mixed.notes == ()
    # Where there is nothing else, all that is due comes, and the checks say what is so.
    alone = with_first(practice([unlike_drafts()[0]], 1), true[:4], 5, 1)
    assert alone.questions == (*true[:4], unlike_drafts()[0])
    assert "truth_balance" in failed(alone.questions)


def test_choices_that_are_due_come_first_as_far_as_their_keys_stand_in_different_places() -> None:
    first = [each for each in drafts() if each.template == "definition-mcq"]
    assert {each.options[0].is_correct for each in first} == {True}
    made = practice([each for each in drafts() if each.template != "definition-mcq"], 30)
    mixed = with_first(made, first[:8], 8, 1)
    assert (len(mixed.questions), mixed.notes) == (8, ())
    assert "key_balance" not in failed(mixed.questions)
    head = [each for each in mixed.questions if each in first]
    assert list(mixed.questions[: len(head)]) == head == first[: len(head)]
    assert len(head) >= 2


METALS = """| element | symbol | melting point |
|---|---|---|
| Iron | Fe | 1538 |
| Copper | Cu | 1085 |
| Tin | Sn | 232 |
| Lead | Pb | 327 |
| Gold | Au | 1064 |
| Zinc | Zn | 420 |
"""


def test_in_practice_no_proof_answers_a_question_below_it() -> None:
    passage = passage_of(METALS, "metals")
    cells = [
        check_question(each, Evidence([passage]))
        for each in draft_questions([passage], facts_of(passage), 1)
    ]
    made = practice(cells, 6)
    rows = [each.stem.rpartition("“")[2].rstrip("”?") for each in made.questions]
    assert rows == ["Iron", "Copper", "Tin", "Lead", "Gold", "Zinc"]
    assert not failed(made.questions) & {"duplicates", "giveaways"}
    assert "giveaways" in failed(made.questions[::-1])
    assert "giveaways" not in failed(made.questions[::-1], QuizMode.QUIZ)
    # What is due stands first, with the rows above it: only those below can still be asked.
    mixed = with_first(made, [made.questions[3]], 6, 1)
    assert [each.id for each in mixed.questions] == [each.id for each in made.questions[3:]]
    assert "giveaways" not in failed(mixed.questions)
    assert "3 that gave away the answer of another" in mixed.notes[1]


def test_what_is_missing_beside_what_is_due_is_not_said_to_be_missing_in_the_documents() -> None:
    first, second = unlike_drafts()
    chunks = {first.source.chunk_id, second.source.chunk_id}
    third = next(each for each in drafts() if each.source.chunk_id not in chunks)
    told = " ".join(each.claim.replace("{}", each.answer) for each in (second, third))
    talkative = replace(first, explanation=f"{first.explanation} Besides: {told}")
    made = practice([second, third], 2)
    assert made.notes == ()
    assert with_first(made, [talkative], 2, 1).notes == (
        (
            "1 of 2 questions is missing: "
            "the others that were made do not go with those that are due."
        ),
        "Left out of the set: 2 that gave away the answer of another.",
    )
    spare = [each for each in drafts() if each.source.chunk_id not in chunks][9:]
    mixed = with_first(made, [talkative], 2, 1, spare)
    assert (len(mixed.questions), mixed.notes) == (2, ())
