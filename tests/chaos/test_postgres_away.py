"""Postgres goes away and comes back, behind a network that fails."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from tests.chaos.place import Place, is_refusal, place
from tests.conftest import fresh_database
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.seeds import IS_LONG

from groundwell.settings import Settings
from groundwell.store.embedded import EmbeddedPostgres

AWAY_SECONDS = 30.0 if IS_LONG else 4.0
# The longest that a request may take to learn that the server is silent.
PATIENCE_SECONDS = 18.0
BACK_SECONDS = 5.0
# A busy machine only adds to what the product takes: the quickest of so many times counts.
MOST_TIMES = 3


@pytest_asyncio.fixture
async def network(postgres: EmbeddedPostgres) -> AsyncIterator[FaultProxy]:
    def connect():  # noqa: ANN202 - what asyncio gives
        return asyncio.open_unix_connection(str(postgres.server.pgdata / ".s.PGSQL.5432"))

    async with fault_proxy(connect) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def far(
    network: FaultProxy, postgres: EmbeddedPostgres, tmp_path: Path
) -> AsyncIterator[Place]:
    """A server and a worker whose database is on the other side of the network."""
    with fresh_database(postgres) as url:
        name = url.partition("?")[0].rpartition("/")[2]
        settings = Settings(
            data_dir=tmp_path,
            database_url=f"postgresql://postgres@127.0.0.1:{network.port}/{name}",  # type: ignore[arg-type] - pydantic makes a secret of it
            load_samples=False,
            worker_lease_seconds=2,
        )
        async with place(settings) as opened:
            yield opened
            network.speak()


class WatchedBody(httpx.AsyncByteStream):
    """A body that knows whether anybody has read of it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.was_read = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.was_read = True
        yield self._content


async def timed(answer: asyncio.Future[httpx.Response]) -> tuple[httpx.Response, float]:
    begun = time.monotonic()
    return await answer, time.monotonic() - begun


async def ask_for_everything(far: Place) -> tuple[list[float], bool]:
    """Each kind of request fails with 503; the seconds they took, and whether a body was read."""
    body = WatchedBody(b"Nobody should read this.")
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answers = await asyncio.gather(
        timed(asyncio.ensure_future(far.search("bridge"))),
        timed(asyncio.ensure_future(far.http.get("/documents"))),
        timed(asyncio.ensure_future(far.http.post("/documents", content=body, headers=kind))),
    )
    for answer, _ in answers:
        assert is_refusal(answer, 503, "database_unavailable"), answer.text
    return [seconds for _, seconds in answers], body.was_read


@dataclass(frozen=True, slots=True)
class Absence:
    """How long Postgres was away, and how long others waited: each figure in seconds."""

    away: float
    first: float
    later: float
    back: float

    def is_borne(self) -> bool:
        """Whether nobody waited longer than anybody may."""
        is_told = self.first < PATIENCE_SECONDS and self.later < PATIENCE_SECONDS / 2
        return is_told and self.back <= BACK_SECONDS


async def go_away_and_come_back(far: Place, network: FaultProxy, how: str) -> Absence:
    """While it is away, everything is refused, and nobody reads what is sent."""
    begun = time.monotonic()
    if how == "refused":
        await network.refuse()
    else:
        network.fall_silent()
    first, was_read = await ask_for_everything(far)
    later, was_read_later = await ask_for_everything(far)
    assert (was_read, was_read_later) == (False, False)
    await asyncio.sleep(max(0.0, AWAY_SECONDS - (time.monotonic() - begun)))
    away = time.monotonic() - begun
    if how == "refused":
        await network.accept()
    else:
        network.speak()
    back = await far.seconds_until_search_works()
    return Absence(away, max(first), max(later), back)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["refused", "silent"])
async def test_while_postgres_is_away_all_is_refused_at_once_and_works_soon_after_its_return(
    far: Place, network: FaultProxy, how: str
):
    accepted = [
        (await far.upload(f"{n}.txt", f"The bridge number {n} stands.".encode())).status_code
        for n in range(5)
    ]
    for _ in range(MOST_TIMES):
        seen = await go_away_and_come_back(far, network, how)
        await far.wait_until_finished()
        if seen.is_borne():
            break
    assert (await far.upload("new.txt", b"The bridge is new.")).status_code == 202
    counts = await far.wait_until_finished()
    sys.stdout.write(
        f"\nPostgres {how} for {seen.away:.1f} s: 503 within {seen.first:.1f} s, then"
        f" {seen.later:.1f} s; usable {seen.back:.1f} s after its return;"
        f" {counts['complete']} of {len(accepted) + 1} documents complete\n"
    )
    assert accepted == [202] * 5
    assert seen.is_borne(), seen
    assert counts == {"pending": 0, "indexing": 0, "complete": 6, "failed": 0}


@pytest.mark.slow
async def test_answers_that_are_cut_in_the_middle_lose_and_double_nothing(
    far: Place, network: FaultProxy
):
    least, uploads, requests, refused = (200 if IS_LONG else 10), 0, 0, 0
    # The worker's own answers may be the ones that are cut, for a while.
    while uploads < least or (refused == 0 and uploads < 10 * least):
        n, uploads = uploads, uploads + 1
        network.resets = 1 + n % 3
        while True:
            requests += 1
            answer = await far.upload(
                f"{n}.txt", f"Number {n}.".encode(), **{"Idempotency-Key": f"{n}"}
            )
            if answer.status_code == 202:
                break
            assert is_refusal(answer, 503, "database_unavailable"), answer.text
            refused += 1
    network.resets = 0
    counts = await far.wait_until_finished()
    sys.stdout.write(
        f"\n{uploads} uploads in {requests} requests, {refused} of them answered 503 because"
        f" Postgres' answer was cut: {sum(counts.values())} documents, all complete\n"
    )
    assert refused > 0
    assert counts == {"pending": 0, "indexing": 0, "complete": uploads, "failed": 0}


@pytest.mark.slow
async def test_a_slow_network_makes_requests_slow_and_fails_none(far: Place, network: FaultProxy):
    assert (await far.upload("a.txt", b"The bridge stands.")).status_code == 202
    await far.wait_until_finished()
    network.seconds = 2.0 if IS_LONG else 0.5
    (found, searching), (listed, listing) = await asyncio.gather(
        timed(asyncio.ensure_future(far.search("bridge"))),
        timed(asyncio.ensure_future(far.http.get("/documents"))),
    )
    late, network.seconds = network.seconds, 0.0
    sys.stdout.write(
        f"\neach answer of Postgres late by {late} s: a search takes {searching:.1f} s,"
        f" a list of documents {listing:.1f} s\n"
    )
    assert (found.status_code, listed.status_code) == (200, 200)
    assert len(found.json()["results"]) == 1
