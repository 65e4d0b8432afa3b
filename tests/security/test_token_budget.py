"""Questions that cost tokens: what a user can spend in a day, whatever he tries."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from tests.apps.loopback import on_loopback
from tests.apps.people import client_of, make_key, make_user, server_with
from tests.apps.problems import problem_in
from tests.conftest import Tenant, upload_texts
from tests.fakes.language_model import FakeLanguageModel
from tests.security.seed import dice, tell

from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.bootstrap.limits import make_limit_table
from groundwell.domain.answers import ChatMessage
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import BudgetExceededError
from groundwell.domain.identity import Role
from groundwell.domain.spending import Purse, Reservation
from groundwell.generation.answer import Answerer
from groundwell.generation.budgeted_model import BudgetedLanguageModel
from groundwell.ports.language_model import Completion, HearUsed, LanguageModel, TokensUsed
from groundwell.services import Services
from groundwell.settings.limit_table import LimitTableSettings
from groundwell.store.database import Database, owner_options
from groundwell.store.identity import insert_owner
from groundwell.store.removal import delete_user
from groundwell.store.token_budget import TokenBudget

TIDES = {"id": "tides", "text": "Spring tides occur at new moon and at full moon."}
QUESTION = {"query": "When do spring tides occur?"}
GOOD = ["Spring tides occur at ", "new moon [1]."]
BAD = ["There are 900 tides [1]."]
PLENTY = 1_000_000


@dataclass
class PausingModel:
    """Writes one piece, and the rest when it is let; or talks on until nobody listens."""

    going_on: asyncio.Event = field(default_factory=asyncio.Event)
    model: str = "pausing"
    asked: int = 0

    async def stream(
        self, messages: Sequence[ChatMessage], max_tokens: int, hear_used: HearUsed | None = None
    ) -> AsyncGenerator[str, None]:
        assert messages
        assert max_tokens
        self.asked += 1
        yield GOOD[0]
        await self.going_on.wait()
        yield GOOD[1]
        if hear_used is not None:
            hear_used(TokensUsed(100, 10))

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        raise AssertionError((messages, max_tokens))

    async def close(self) -> None:
        return


@dataclass
class Asker:
    """A member with a limit at servers that share a model."""

    clients: list[httpx.AsyncClient]
    owner: httpx.AsyncClient
    app: FastAPI

    async def ask(self, number: int = 0, **more: object) -> httpx.Response:
        client = self.clients[number % len(self.clients)]
        return await client.post("/api/v1/ask", json={**QUESTION, **more})

    async def used(self) -> int:
        return int((await self.clients[0].get("/api/v1/usage")).json()["tokens"]["used"])


@asynccontextmanager
async def asking(
    services: Services,
    tenant: Tenant,
    model: LanguageModel | None,
    tokens: int,
    databases: Sequence[Database] = (),
) -> AsyncIterator[Asker]:
    """A server for each database, each with a budget of its own on it."""
    await upload_texts(tenant, [TIDES])
    user = await make_user(tenant, Role.MEMBER)
    key = (await make_key(tenant, user_id=user["id"], scopes=["read", "write"]))["key"]
    limits = {"free": {"tokens": tokens, "requests": "unlimited", "endpoints": {}}}
    limits["free"]["endpoints"] = {"answers": "unlimited"}
    table = make_limit_table(LimitTableSettings.model_validate(limits))
    async with AsyncExitStack() as stack:
        clients = []
        for database in databases or (services.database,):
            budget = TokenBudget(database, services.metrics)
            paid = None if model is None else BudgetedLanguageModel(model, budget)
            changed = replace(services, answerer=Answerer(services.embedder, paid))
            allowances = replace(services.allowances, tokens=budget, table=table)
            server = server_with(changed, allowances=allowances)
            app = await stack.enter_async_context(server)
            clients.append(await stack.enter_async_context(client_of(app, key)))
        owner = await stack.enter_async_context(client_of(app, tenant.key))
        yield Asker(clients, owner, app)


async def new_purse(database: Database, tokens: int) -> Purse:
    tenant = TenantId(uuid4())
    async with database.transaction(tenant) as connection:
        user = await insert_owner(connection, tenant, "test")
    return Purse(tenant, user, "free", tokens)


@asynccontextmanager
async def pools(url: str, count: int) -> AsyncIterator[list[Database]]:
    async with AsyncExitStack() as stack:
        opened = [Database(url, min_size=1, max_size=4) for _ in range(count)]
        for each in opened:
            await each.open()
            stack.push_async_callback(each.close)
        yield opened


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for gives no event
            await asyncio.sleep(0.01)


def seconds_until_midnight() -> float:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.timestamp() + 86_400 - time.time()


def refusal_in(answer: httpx.Response) -> dict[str, Any]:
    problem = problem_in(answer, 429)
    assert problem["code"] == "budget"
    return problem


async def test_of_parallel_reservations_at_two_pools_exactly_as_many_pass_as_fit(
    database_url: str,
):
    wanted = [dice("tokens").randrange(700, 1001)] * 200
    async with pools(database_url, 2) as databases:
        purse = await new_purse(databases[0], 50_000)
        budgets = [TokenBudget(each, PrometheusMetrics()) for each in databases]
        outcomes = await asyncio.gather(
            *(budgets[n % 2].reserve(purse, tokens) for n, tokens in enumerate(wanted)),
            return_exceptions=True,
        )
        granted = [each for each in outcomes if isinstance(each, Reservation)]
        refused = [each for each in outcomes if isinstance(each, BudgetExceededError)]
        tell(
            f"{len(wanted)} parallel calls of {wanted[0]} tokens, 2 pools, 50,000 a day: "
            f"{len(granted)} pass"
        )
        assert len(granted) == 50_000 // wanted[0]
        assert len(granted) + len(refused) == len(wanted)
        assert await budgets[1].read(purse.tenant, purse.user) == len(granted) * wanted[0]
        # What was reserved and not used is there again, for whoever asks anywhere.
        await budgets[1].settle(granted[0], 0)
        await budgets[0].reserve(purse, wanted[0])
        with pytest.raises(BudgetExceededError):
            await budgets[1].reserve(purse, wanted[0])


async def test_of_parallel_questions_at_two_servers_exactly_as_many_are_answered_as_fit(
    services: Services, services_url: str, tenant: Tenant
):
    model = PausingModel()
    room = 3
    async with pools(services_url, 2) as databases:
        async with asking(services, tenant, model, PLENTY, databases) as probe:
            waiting = asyncio.ensure_future(probe.ask())
            await until(lambda: model.asked == 1)
            one = await probe.used()
            model.going_on.set()
            await waiting
        model = PausingModel()
        most = room * one + one // 2
        async with asking(services, tenant, model, most, databases) as asker:
            asked = [asyncio.ensure_future(asker.ask(number)) for number in range(12)]
            await until(lambda: sum(each.done() for each in asked) == 12 - room)
            await until(lambda: model.asked == room)
            assert await asker.used() == room * one
            model.going_on.set()
            seen = Counter([(await each).status_code for each in asked])
            tell(f"12 parallel questions, 2 servers, room for {room}: {seen[200]} answered")
            assert seen == {200: room, 429: 12 - room}
            assert model.asked == room
            # The provider has told less than was reserved: the difference is there again.
            assert await asker.used() == room * 110


@pytest.mark.parametrize("stream", [False, True])
async def test_a_question_beyond_the_budget_is_refused_before_anything_is_begun(
    services: Services, tenant: Tenant, stream: bool
):
    model = FakeLanguageModel([])
    async with asking(services, tenant, model, 500) as asker:
        most = seconds_until_midnight()
        refused = await asker.ask(stream=stream)
        problem = refusal_in(refused)
        least = seconds_until_midnight()
        # However long it took, and unless the day was over meanwhile.
        assert least > most or least - 2 <= problem["retry_after"] <= most + 2
        assert refused.headers["Retry-After"] == str(problem["retry_after"])
        assert problem["quota"] == {"name": "tokens", "limit": 500, "used": 0}
        assert problem["detail"].startswith("You may use 500 tokens of the language model a day.")
        assert model.prompts == []
        assert (await asker.clients[0].get("/conversations")).json() == {"conversations": []}
        assert await asker.used() == 0
        # What needs no model goes on.
        found = await asker.clients[0].post("/api/v1/search", json=QUESTION)
        assert found.json()["results"]


async def test_without_a_model_nothing_is_counted_nor_refused(services: Services, tenant: Tenant):
    async with asking(services, tenant, None, 1) as asker:
        answer = await asker.ask()
        assert (answer.status_code, answer.json()["mode"]) == (200, "extractive")
        assert (await asker.clients[0].get("/api/v1/usage")).json()["tokens"] == {
            "used": 0,
            "limit": 1,
        }


async def test_a_repair_counts_as_a_call_of_its_own(services: Services, tenant: Tenant):
    model = FakeLanguageModel([BAD, GOOD], used=TokensUsed(300, 20))
    async with asking(services, tenant, model, PLENTY) as asker:
        assert (await asker.ask()).json()["mode"] == "generated"
        assert await asker.used() == 2 * 320


async def test_a_repair_beyond_the_budget_is_replaced_by_the_sources_own_sentences(
    services: Services, tenant: Tenant
):
    model = FakeLanguageModel([BAD], used=TokensUsed(3000, 20))
    async with asking(services, tenant, model, 3100) as asker:
        answer = (await asker.ask()).json()
        assert (answer["mode"], answer["fallback_used"]) == ("extractive", True)
        assert answer["degraded"] == ["budget"]
        assert len(model.prompts) == 1
        assert await asker.used() == 3020
        assert refusal_in(await asker.ask())["quota"]["used"] == 3020


async def test_a_request_that_fails_before_the_model_is_asked_costs_nothing(
    services: Services, tenant: Tenant
):
    async with asking(services, tenant, FakeLanguageModel([]), PLENTY) as asker:
        for stream in (True, False):
            unknown = await asker.ask(conversation_id=str(uuid4()), stream=stream)
            assert unknown.json()["code"] == "conversation_not_found"
        assert await asker.used() == 0


async def test_a_reader_who_leaves_pays_for_the_prompt_and_not_for_the_rest(
    services: Services, tenant: Tenant
):
    model = PausingModel()
    async with asking(services, tenant, model, PLENTY) as asker, on_loopback(asker.app) as server:
        asked = {"json": {**QUESTION, "stream": True}, "headers": asker.clients[0].headers}
        address = f"http://127.0.0.1:{server.port}/api/v1/ask"
        async with (
            httpx.AsyncClient(trust_env=False, timeout=60) as client,
            client.stream("POST", address, **asked) as answer,
        ):
            assert answer.status_code == 200
            await until(lambda: model.asked == 1)
            reserved = await asker.used()
        async with asyncio.timeout(60):
            while (used := await asker.used()) == reserved:  # noqa: ASYNC110 - nothing tells us
                await asyncio.sleep(0.01)
    assert 200 < used < reserved - 700


async def test_who_has_no_limit_costs_not_one_round_trip(services: Services, tenant: Tenant):
    # A budget that can count nothing: its pool was never opened.
    closed = Database("postgresql://nowhere.invalid", min_size=0, max_size=1)
    model = FakeLanguageModel([GOOD])
    async with asking(services, tenant, model, PLENTY, [closed]) as asker:
        answer = await asker.owner.post("/api/v1/ask", json=QUESTION)
        assert answer.json()["mode"] == "generated"
        # Who has one is not let through uncounted.
        assert (await asker.ask()).status_code == 503
    assert len(model.prompts) == 1


async def test_what_a_process_that_died_has_reserved_stays_counted_until_the_day_is_over(
    database_url: str,
):
    async with pools(database_url, 1) as (dying,):
        purse = await new_purse(dying, 1000)
        await TokenBudget(dying, PrometheusMetrics()).reserve(purse, 900)
    async with pools(database_url, 1) as (database,):
        budget = TokenBudget(database, PrometheusMetrics())
        with pytest.raises(BudgetExceededError):
            await budget.reserve(purse, 200)
        with psycopg.connect(database_url, options=owner_options()) as connection:
            connection.execute("UPDATE token_use SET day = day - 1")
        reserved = await budget.reserve(purse, 1000)
        # A call of yesterday is settled on its own day.
        yesterday = replace(reserved, day=date_before(reserved), tokens=900)
        await budget.settle(yesterday, 300)
        assert await budget.read(purse.tenant, purse.user) == 1000
        assert days_of(database_url) == [300, 1000]


async def test_days_that_are_over_are_forgotten_and_users_take_theirs_along(
    database: Database, database_url: str
):
    purse = await new_purse(database, 1000)
    budget = TokenBudget(database, PrometheusMetrics())
    await budget.reserve(purse, 100)
    with psycopg.connect(database_url, options=owner_options()) as connection:
        for days in (1, 2, 30):
            connection.execute(
                "INSERT INTO token_use SELECT tenant_id, user_id, day - %s, %s FROM token_use"
                " WHERE tokens = 100",
                (days, 100 + days),
            )
    async with database.anonymous_transaction() as connection:
        await connection.execute("SELECT forget_token_use()")
    assert days_of(database_url) == [101, 100]
    async with database.transaction(purse.tenant) as connection:
        await delete_user(connection, purse.user)
    assert days_of(database_url) == []


async def test_who_leaves_while_tokens_are_reserved_gets_them_back(database: Database):
    purse = await new_purse(database, 1000)
    budget = TokenBudget(database, PrometheusMetrics())
    leaving = asyncio.ensure_future(budget.reserve(purse, 800))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await budget.close()
    assert await budget.read(purse.tenant, purse.user) == 0


def date_before(reservation: Reservation) -> Any:  # noqa: ANN401 - psycopg's own
    return reservation.day.fromordinal(reservation.day.toordinal() - 1)


def days_of(url: str) -> list[int]:
    with psycopg.connect(url, options=owner_options()) as connection:
        rows = connection.execute("SELECT tokens FROM token_use ORDER BY day").fetchall()
    return [row[0] for row in rows]
