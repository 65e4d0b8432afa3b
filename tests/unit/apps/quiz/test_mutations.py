"""Every check notices what it is there for: right questions pass, spoilt ones fail."""

from __future__ import annotations

from random import Random

import pytest
from tests.unit.apps.quiz.made_up import Land, checked, make_land
from tests.unit.apps.quiz.mutations import MUTATIONS, Mutation, Place

from groundwell.apps.quiz.checks import CHECKS, Evidence, check_question

LEAST_CAUGHT = 0.95
MOST_MUTANTS = 80


@pytest.fixture(scope="module")
def land() -> Land:
    return make_land()


@pytest.fixture(scope="module")
def evidence(land: Land) -> Evidence:
    return land.evidence()


def test_right_questions_pass_every_check(land: Land) -> None:
    questions = checked(land)
    assert len(questions) >= 200
    assert [question.failures for question in questions if question.failures] == []
    assert {check.name for each in questions for check in each.checks} == CHECKS.keys()


def test_every_check_has_mutations() -> None:
    assert {mutation.check for mutation in MUTATIONS} == CHECKS.keys()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_check_catches_its_mutants(mutation: Mutation, land: Land, evidence: Evidence) -> None:
    chance = Random(11)
    mutants = list(mutation.mutants(Place(land, chance)))
    mutants = chance.sample(mutants, min(MOST_MUTANTS, len(mutants)))
    if any(more for _, more in mutants):
        evidence = land.evidence(*(passage for _, more in mutants for passage in more))
    caught = 0
    missed = []
    for question, _ in mutants:
        failed = {check.name for check in check_question(question, evidence).failures}
        if mutation.check in failed:
            caught += 1
        else:
            missed.append(question.stem)
    assert len(mutants) >= 15
    assert caught >= LEAST_CAUGHT * len(mutants), (
        f"{caught} of {len(mutants)}; missed: {missed[:3]}"
    )
