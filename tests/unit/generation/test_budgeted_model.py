"""What a call of a language model comes to, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, suppress
from uuid import UUID, uuid4

import pytest
from tests.conftest import fresh_database
from tests.fakes.language_model import FakeLanguageModel, Script
from tests.waiting import patience

from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.domain.answers import ChatMessage, Role
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import (
    BudgetExceededError,
    GroundwellError,
    ProviderError,
    ProviderTimeoutError,
    UnavailableError,
)
from groundwell.domain.spending import Purse, paid_by
from groundwell.domain.token_estimates import estimate_prompt, estimate_tokens
from groundwell.generation.budgeted_model import BudgetedLanguageModel
from groundwell.ports.language_model import Completion, TokensUsed
from groundwell.store.database import Database
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.identity import insert_owner
from groundwell.store.token_budget import TokenBudget

ASKED = (ChatMessage(Role.USER, "Why is the sky blue? " * 10),)
PROMPT = estimate_prompt(ASKED)
MOST = 100
PIECES = ["Light is ", "scattered ", "by air."]
WRITTEN = sum(map(estimate_tokens, PIECES))
REFUSED = ProviderError("No.", code="provider_rejected")
AWAY = UnavailableError("Away.", code="provider_unavailable")
SILENT = ProviderTimeoutError("Too slow.")
NONSENSE = ProviderError("Not JSON.")


class Account:
    """A user with a purse, and a model that he pays for."""

    def __init__(self, budget: TokenBudget, tenant: TenantId, user: UUID) -> None:
        self.budget = budget
        self.purse = Purse(tenant, user, "free", 1000)

    def model(self, *scripts: Script, used: TokensUsed | None = None) -> BudgetedLanguageModel:
        return BudgetedLanguageModel(FakeLanguageModel(list(scripts), used=used), self.budget)

    async def used(self) -> int:
        return await self.budget.read(self.purse.tenant, self.purse.user)

    async def hear(self, model: BudgetedLanguageModel, pieces: int | None = None) -> None:
        """Read so many pieces of an answer, or all."""
        with paid_by(self.purse):
            async with aclosing(model.stream(ASKED, MOST)) as stream:
                for _ in range(pieces or 0):
                    await anext(stream)
                if pieces is None:
                    assert [piece async for piece in stream]


@pytest.fixture(scope="module")
def shared_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Each test has a tenant of its own: one database does for all."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
async def account(shared_url: str) -> AsyncIterator[Account]:
    database = Database(shared_url, min_size=1, max_size=2)
    await database.open()
    tenant = TenantId(uuid4())
    async with database.transaction(tenant) as connection:
        user = await insert_owner(connection, tenant, "test")
    budget = TokenBudget(database, PrometheusMetrics())
    yield Account(budget, tenant, user)
    await budget.close()
    await database.close()


async def test_an_answer_counts_with_what_the_provider_tells(account: Account):
    await account.hear(account.model(PIECES, used=TokensUsed(70, 9)))
    assert await account.used() == 79
    with paid_by(account.purse):
        completion = await account.model(PIECES, used=TokensUsed(30, 1)).complete(ASKED, MOST)
    assert completion.text == "".join(PIECES)
    assert await account.used() == 79 + 31


async def test_what_the_provider_does_not_tell_is_estimated_by_what_was_sent_and_came(
    account: Account,
):
    await account.hear(account.model(PIECES))
    assert await account.used() == PROMPT + WRITTEN
    await account.hear(account.model(PIECES, used=TokensUsed(prompt=5)))
    assert await account.used() == PROMPT + WRITTEN + 5 + WRITTEN


async def test_who_leaves_pays_for_the_prompt_and_what_had_come(account: Account):
    await account.hear(account.model(PIECES, used=TokensUsed(1, 1)), pieces=2)
    assert await account.used() == PROMPT + sum(map(estimate_tokens, PIECES[:2]))


@pytest.mark.parametrize(
    ("script", "cost"),
    [
        ([REFUSED], 0),
        ([AWAY], 0),
        ([SILENT], PROMPT),
        ([NONSENSE], PROMPT),
        (["Light is ", AWAY], PROMPT + estimate_tokens("Light is ")),
    ],
)
async def test_a_failed_call_costs_what_a_provider_bills(
    account: Account, script: Script, cost: int
):
    with pytest.raises(GroundwellError):
        await account.hear(account.model(script))
    assert await account.used() == cost


@pytest.mark.parametrize(("error", "cost"), [(AWAY, 0), (SILENT, PROMPT + MOST)])
async def test_an_answer_that_is_seen_only_when_it_is_whole_counts_with_all_it_may_have_been(
    account: Account, error: GroundwellError, cost: int
):
    with paid_by(account.purse), pytest.raises(GroundwellError):
        await account.model([error]).complete(ASKED, MOST)
    assert await account.used() == cost


async def test_a_call_that_is_cut_off_counts_with_all_it_may_have_been(account: Account):
    begun = asyncio.Event()

    class Thinking(FakeLanguageModel):
        async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError((messages, max_tokens))

    model = BudgetedLanguageModel(Thinking([]), account.budget)
    with paid_by(account.purse):
        asking = asyncio.ensure_future(model.complete(ASKED, MOST))
    async with patience():
        await begun.wait()
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    await account.budget.close()
    assert await account.used() == PROMPT + MOST


async def test_what_does_not_fit_is_refused_before_the_model_is_asked(account: Account):
    account.purse.tokens_a_day = 2 * (PROMPT + MOST) - 1
    model = FakeLanguageModel([PIECES, PIECES], used=TokensUsed(PROMPT, MOST))
    budgeted = BudgetedLanguageModel(model, account.budget)
    await account.hear(budgeted)
    with pytest.raises(BudgetExceededError):
        await account.hear(budgeted)
    with paid_by(account.purse), pytest.raises(BudgetExceededError):
        await budgeted.complete(ASKED, MOST)
    assert len(model.prompts) == 1


async def test_what_was_put_aside_pays_for_the_next_call_and_no_other(account: Account):
    with paid_by(account.purse):
        await account.budget.put_aside(400)
    assert await account.used() == 400
    await account.hear(account.model(PIECES, used=TokensUsed(50, 10)))
    assert await account.used() == 60
    await account.hear(account.model(PIECES, used=TokensUsed(50, 10)))
    assert await account.used() == 120


async def test_where_nobody_pays_nothing_is_counted(account: Account):
    model = account.model(PIECES, used=TokensUsed(50, 10))
    assert [piece async for piece in model.stream(ASKED, MOST)] == PIECES
    assert await account.used() == 0
