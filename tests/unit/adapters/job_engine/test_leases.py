"""What a worker tells a database that comes and goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from procrastinate import testing
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from psycopg.errors import CheckViolation, ForeignKeyViolation, OperationalError

from groundwell.adapters.job_engine.procrastinate.leases import LeasedJobManager, Wait

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HELD = [{"procrastinate_finish_job_v1": None}]
FETCHED = {
    "id": 7,
    "status": "doing",
    "priority": 0,
    "lock": None,
    "queueing_lock": None,
    "task_name": "embed",
    "args": {},
    "scheduled_at": None,
    "attempts": 0,
    "queue_name": "embedding",
    "worker_id": 3,
}

Answer = Sequence[dict[str, Any]] | type[Exception]


class ScriptedConnector(testing.InMemoryConnector):
    """Answers as it is told, one answer for each query; the last one stays."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self._answers = list(answers)
        self.asked: list[tuple[str, dict[str, object]]] = []

    def _answer(self, query: str, values: dict[str, object]) -> list[dict[str, Any]]:
        self.asked.append((query, values))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, type):
            raise ConnectorException from answer()
        return list(answer)

    async def execute_query_async(self, query: str, **values: object) -> None:
        self._answer(query, values)

    async def execute_query_one_async(self, query: str, **values: object) -> dict[str, Any]:
        return self._answer(query, values)[0]

    async def execute_query_all_async(self, query: str, **values: object) -> list[dict[str, Any]]:
        return self._answer(query, values)


Scripted = tuple[LeasedJobManager, ScriptedConnector]
Script = Callable[..., Scripted]


@pytest.fixture
def script() -> Script:
    def make(*answers: Answer, seconds: float = 30.0) -> Scripted:
        connector = ScriptedConnector(*answers)
        return LeasedJobManager(connector, lambda: NOW, seconds), connector

    return make


def job(**arguments: object) -> Job:
    return Job(
        id=7,
        queue="embedding",
        lock=None,
        queueing_lock=None,
        task_name="embed",
        task_kwargs=dict(arguments),
        attempts=2,
        worker_id=3,
    )


async def test_the_end_of_a_job_is_told_until_the_database_is_back(script: Script):
    leases, connector = script(OperationalError, OperationalError, HELD)
    begun = time.monotonic()
    await leases.finish_job(job(), Status.SUCCEEDED, delete_job=True)
    assert len(connector.asked) == 3
    assert 0.9 < time.monotonic() - begun < 20
    queries = {query for query, _ in connector.asked}
    assert len(queries) == 1
    assert connector.asked[-1][1] == {
        "job_id": 7,
        "attempts": 2,
        "status": "succeeded",
        "delete_job": True,
    }


async def test_telling_ends_after_a_time(script: Script):
    leases, connector = script(OperationalError, seconds=0.6)
    with pytest.raises(ConnectorException):
        await leases.retry_job(job())
    assert 2 <= len(connector.asked) <= 3


async def test_what_the_database_refuses_is_not_told_again(script: Script):
    leases, connector = script(CheckViolation)
    with pytest.raises(ConnectorException):
        await leases.finish_job(job(), Status.FAILED, delete_job=False)
    assert len(connector.asked) == 1


async def test_a_job_in_other_hands_is_left_to_them(
    script: Script, caplog: pytest.LogCaptureFixture
):
    leases, connector = script([])
    with caplog.at_level(logging.WARNING):
        await leases.finish_job(job(), Status.SUCCEEDED, delete_job=True)
    assert len(connector.asked) == 1
    assert "in other hands" in caplog.text


@pytest.mark.parametrize(
    ("retry_at", "pause"),
    [(None, 0), (NOW + timedelta(seconds=5), 5), (NOW - timedelta(hours=1), 0)],
)
async def test_a_retry_waits_by_its_pause_and_not_by_this_machine_s_clock(
    script: Script, retry_at: datetime | None, pause: int
):
    leases, connector = script(HELD)
    await leases.retry_job(job(), retry_at)
    assert connector.asked[0][1]["pause"] == timedelta(seconds=pause)


async def test_a_worker_whose_row_was_cleared_away_writes_it_again_and_goes_on(script: Script):
    leases, connector = script(ForeignKeyViolation, [], [FETCHED])
    fetched = await leases.fetch_job(None, worker_id=3)
    assert fetched is not None
    assert fetched.id == 7
    assert "procrastinate_workers" in connector.asked[1][0]
    assert connector.asked[1][1] == {"worker_id": 3}
    assert connector.asked[0] == connector.asked[2]


async def test_another_error_at_fetching_is_the_worker_s_to_see(script: Script):
    leases, connector = script(OperationalError)
    with pytest.raises(ConnectorException):
        await leases.fetch_job(None, worker_id=3)
    assert len(connector.asked) == 1


async def test_a_reason_that_cannot_be_noted_stops_nothing(script: Script):
    leases, connector = script(OperationalError)
    await leases.note_reason(job(), "The model is away.")
    assert connector.asked[0][1]["reason"] == "The model is away."


async def test_waits_are_counted_by_the_database_and_only_for_a_job_that_is_held(script: Script):
    leases, _ = script([{"waits": 4, "seconds": 12.5}])
    mine = job(waits=3)
    assert await leases.note_wait(mine, "Away.") == Wait(4, 12.5)
    assert mine.task_kwargs["waits"] == 4
    leases, _ = script([])
    assert await leases.note_wait(job(waits=3), "Away.") == Wait(3, 0.0)
