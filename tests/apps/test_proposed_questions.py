"""Questions with a language model: what it proposes is asked, and what it costs who asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from fastapi import FastAPI
from tests.conftest import MakeTenant, Tenant, upload_texts
from tests.fakes.language_model import FakeLanguageModel, Script

from groundwell.apps.quiz.questions import MODEL_TEMPLATE
from groundwell.apps.quiz.remembered import QuizMemory
from groundwell.apps.quiz.schemas import GenerateIn
from groundwell.apps.quiz.service import Generated, generate
from groundwell.domain.errors import UnavailableError
from groundwell.domain.identity import Principal, Role, Scope, Tier
from groundwell.domain.spending import Purse
from groundwell.generation.budgeted_model import BudgetedLanguageModel
from groundwell.services import Services

TIDES = (
    "A lunar day lasts 24 hours and 50 minutes, so high water comes later each day. "
    "Spring tides follow the new and the full Moon. Neap tides follow the quarters of the Moon. "
    "The word tide is older than the theory: Isaac Newton explained it in 1687."
)
PROPOSAL = {
    "type": "numeric",
    "quote": "The word tide is older than the theory: Isaac Newton explained it in 1687.",
    "question": "In which year did Isaac Newton explain the tide?",
    "answer": "1687",
    "unit": "year",
    "explanation": "Isaac Newton explained it in 1687.",
    "level": "remember",
    "difficulty": 2,
}
PROPOSES: Script = [orjson.dumps([PROPOSAL]).decode()]
AWAY: Script = [UnavailableError("The language model is away.")]


@pytest.fixture
async def learner(make_tenant: MakeTenant) -> Tenant:
    tenant = await make_tenant()
    await upload_texts(tenant, [{"id": "tides", "title": "Tides", "text": TIDES}])
    return tenant


@pytest.fixture
def memory(app: FastAPI) -> QuizMemory:
    """The application's, which has a process at work and ends it."""
    found: QuizMemory = app.state.quiz
    return found


async def asked(
    services: Services,
    memory: QuizMemory,
    tenant: Tenant,
    tokens: int,
    *scripts: Script,
    times: int = 1,
) -> tuple[Sequence[Generated], FakeLanguageModel]:
    """What somebody with so many tokens a day is given, and the model that was asked for it."""
    model = FakeLanguageModel(list(scripts))
    paid = BudgetedLanguageModel(model, services.allowances.tokens)
    caller = Principal(tenant.id, tenant.user, frozenset({Scope.READ}), Role.OWNER, Tier.FREE)
    wanted = GenerateIn.model_validate({"count": 3, "mode": "quiz"}).wanted()
    having = replace(services, quick_language_model=paid)
    async with services.allowances.tokens.spending(Purse(tenant.id, tenant.user, "free", tokens)):
        found = [await generate(having, memory, caller, wanted) for _ in range(times)]
    return found, model


async def test_what_the_model_proposes_is_asked_and_paid_for_once(
    services: Services, memory: QuizMemory, learner: Tenant
):
    (first, second), model = await asked(services, memory, learner, 100_000, PROPOSES, times=2)
    templates = [question.template for question in first.questions.questions]
    assert MODEL_TEMPLATE in templates
    # Rules make the rest.
    assert set(templates) != {MODEL_TEMPLATE}
    assert not first.questions.fallback_used
    assert (second.text, second.is_remembered) == (first.text, True)
    assert len(model.prompts) == 1
    assert await services.allowances.tokens.read(learner.id, learner.user) > 0


async def test_rules_make_the_set_while_the_model_is_away_and_it_is_not_kept(
    services: Services, memory: QuizMemory, learner: Tenant
):
    (first, second), model = await asked(services, memory, learner, 100_000, AWAY, AWAY, times=2)
    assert first.questions.questions
    assert (first.questions.fallback_used, first.questions.degraded) == (True, ("language_model",))
    assert "No question is the language model's" in first.text
    assert not second.is_remembered
    assert len(model.prompts) == 2


async def test_who_has_no_tokens_left_is_asked_what_rules_make(
    services: Services, memory: QuizMemory, learner: Tenant
):
    (found,), model = await asked(services, memory, learner, 10)
    assert found.questions.questions
    assert (found.questions.fallback_used, found.questions.degraded) == (True, ("budget",))
    assert "are spent for today" in found.text
    assert not model.prompts
    assert await services.allowances.tokens.read(learner.id, learner.user) == 0


async def test_a_model_that_says_nothing_of_use_leaves_the_rules_their_set_for_once(
    services: Services, memory: QuizMemory, learner: Tenant
):
    useless: list[Script] = [["I would rather not."], ["No."]] * 2
    (found, second), model = await asked(services, memory, learner, 100_000, *useless, times=2)
    assert found.questions.questions
    assert found.questions.fallback_used
    assert not found.questions.degraded
    # The next answer may be of use.
    assert not second.is_remembered
    assert len(model.prompts) == 4
