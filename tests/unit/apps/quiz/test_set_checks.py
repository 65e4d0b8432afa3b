"""What is said about a set as a whole is true of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tests.unit.apps.quiz.made_up import checked, make_land

from groundwell.apps.quiz.assembly import assemble
from groundwell.apps.quiz.questions import Bloom, Question, QuestionType, QuizMode
from groundwell.apps.quiz.set_checks import check_set


@cache
def made() -> tuple[Question, ...]:
    drafts = checked(make_land(12))
    return assemble(drafts, asked=20, mode=QuizMode.QUIZ, seed=1).questions


def failed(
    questions: list[Question], mode: QuizMode = QuizMode.QUIZ, documents: int = 12
) -> set[str]:
    return {check.name for check in check_set(questions, mode, documents) if not check.passed}


def test_an_assembled_set_passes_every_check():
    assert failed(list(made())) == set()
    names = [check.name for check in check_set(made(), QuizMode.QUIZ, 12)]
    assert names == [
        "duplicates", "giveaways", "key_balance", "truth_balance", "documents", "levels",
    ]  # fmt: skip
    assert [check.name for check in check_set((), QuizMode.QUIZ, 0)] == names
    assert failed([]) == set()


def test_each_check_finds_what_it_is_for():
    first = made()[0]
    others = [each for each in made() if each.source.document_id != first.source.document_id]
    assert "duplicates" in failed([*made(), replace(first, template="other")])
    asked = next(each for each in others if each.type is QuestionType.SHORT)
    told = asked.claim.replace("{}", asked.answer)
    assert failed([replace(first, explanation=told), asked]) >= {"giveaways"}
    one_place = [
        replace(each, options=tuple(sorted(each.options, key=lambda o: not o.is_correct)))
        for each in made()
        if each.type is QuestionType.MCQ
    ]
    assert "key_balance" in failed(one_place)
    true = [replace(each, type=QuestionType.TRUE_FALSE, answer="True") for each in others[:2]]
    assert "truth_balance" in failed(true)
    twice = [first, replace(first, stem="Another?")]
    assert "documents" in failed(twice)
    assert "documents" not in failed(twice, documents=1)
    assert "levels" in failed([replace(each, bloom=Bloom.APPLY) for each in made()])


def test_details_count():
    details = {check.name: check.detail for check in check_set(made(), QuizMode.QUIZ, 12)}
    statements = [each for each in made() if each.type is QuestionType.TRUE_FALSE]
    true = sum(each.answer == "True" for each in statements)
    assert details["truth_balance"] == f"Statements: {true} true, {len(statements) - true} false."
    assert details["duplicates"] == "0 pairs ask the same."
    documents = {each.source.document_id for each in made()}
    assert f"{len(documents)} of 12," in details["documents"]
