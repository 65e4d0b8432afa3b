"""One job's run: what counts as an attempt, when it comes again, and when it is given up."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from procrastinate import JobContext
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from groundwell.adapters.job_engine.procrastinate.leases import (
    WAITING_SINCE,
    WAITS,
    LeasedJobManager,
    waits_of,
)
from groundwell.adapters.job_engine.procrastinate.outcomes import (
    count_outcome,
)
from groundwell.adapters.job_engine.procrastinate.standings import REASON
from groundwell.adapters.job_engine.procrastinate.turns import RANK, SHARE
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import (
    GroundwellError,
    ProviderError,
    RateLimitedError,
    StorageFullError,
    UnavailableError,
)
from groundwell.domain.origin import Origin, origin_kept, set_origin
from groundwell.ports.job_engine import (
    FENCE_STEP,
    Attempt,
    JobArguments,
    JobKind,
)

MOST_ATTEMPTS = 3
_FIRST_PAUSE_SECONDS = 1.0
_PAUSE_FACTOR = 2.0
WAIT_SECONDS = 24 * 3600.0
"""How long a job waits for a part that is away before it is given up."""
_LONGEST = 120.0
REQUEST_ID = "request_id"
# Arguments of the engine's own, of which the job's code learns nothing.
_OWN = frozenset({RANK, SHARE, WAITS, WAITING_SINCE, REASON, REQUEST_ID, "timestamp"})
# Fences leave room for this many starts of a job: those of a day at the longest pause, and more.
# Starts of one job; more would take the fences of the next.
_MOST_STARTS = 1 << 12
_PASSING = (ProviderError, RateLimitedError)
_AWAY = (UnavailableError, StorageFullError)

_log = logging.getLogger(__name__)


Start: TypeAlias = tuple[int | None, int]
"""A job's id, and which of its starts it is."""


class Pauses(BaseRetryStrategy):
    """1 s, then 2 s, then no more; a job that was interrupted by a shutdown waits for nothing.

    A job that found a part away comes again after 1, 2, 4 … seconds, 120 at most, or when the part
    said so, and up to half as long later: what waits together must not come back together.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When the job runs again, or None when it has failed for good."""
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_at=self._clock())
        if not _has_another_try(job, exception):
            return None
        if isinstance(exception, _AWAY):
            longest = min(_FIRST_PAUSE_SECONDS * _PAUSE_FACTOR ** (waits_of(job) - 1), _LONGEST)
            pause = max(longest, exception.retry_after_seconds or 0)
            pause *= 1 + random.random() / 2  # noqa: S311 - spreads load, guards nothing
        else:
            pause = _FIRST_PAUSE_SECONDS * _PAUSE_FACTOR ** number_of(job)
        return RetryDecision(retry_at=self._clock() + timedelta(seconds=pause))


class _WaitedTooLongError(UnavailableError):
    """A part was away for as long as anybody waits for it."""


def task_of(
    kind: JobKind, leases: LeasedJobManager, running: set[Start]
) -> Callable[..., Awaitable[None]]:
    """What procrastinate calls for a job of the kind: the run, its log line and its count.

    While it runs, the start is in `running`.
    """

    async def run(context: JobContext, **raw: str | int) -> None:
        begun = time.monotonic()
        outcome = "succeeded"
        start = start_of(context.job)
        running.add(start)
        with origin_kept():
            set_origin(_origin(context.job, raw))
            try:
                await _work(kind, leases, context, arguments_of(raw))
            except asyncio.CancelledError:
                outcome = "repeated"
                raise
            except Exception as error:
                outcome = "repeated" if _has_another_try(context.job, error) else "failed"
                raise
            finally:
                running.discard(start)
                seconds = time.monotonic() - begun
                fields = {"job_kind": kind.name, "outcome": outcome}
                _log.info("job", extra=fields | {"duration_ms": round(seconds * 1000, 1)})
                await count_outcome(context.app, kind.name, outcome, seconds)

    return run


async def _work(
    kind: JobKind, leases: LeasedJobManager, context: JobContext, arguments: JobArguments
) -> None:
    attempt = attempt_of(context.job)
    try:
        await kind.run(arguments, attempt)
    except _AWAY as error:
        if await _is_replaced(context):
            return
        wait = await leases.note_wait(context.job, error.detail)
        if wait.seconds >= WAIT_SECONDS:
            await kind.give_up(arguments, attempt, error.detail)
            raise _WaitedTooLongError(error.detail) from error
        _log.warning("job %s (%s) waits: %s", context.job.id, kind.name, error.detail)
        raise
    except Exception as error:
        # The one place that catches everything: whatever a job raises, its document must not be
        # left waiting.
        if isinstance(error, GroundwellError):
            reason = error.detail
        else:
            _log.exception("job %s (%s) failed", context.job.id, kind.name)
            reason = f"Something unexpected went wrong ({type(error).__name__}). See the log."
        if await _is_replaced(context):
            return
        if not _has_another_try(context.job, error):
            await kind.give_up(arguments, attempt, reason)
        else:
            await leases.note_reason(context.job, reason)
        raise


def _origin(job: Job, raw: JobArguments) -> Origin:
    request, tenant = raw.get(REQUEST_ID), raw.get("tenant")
    return Origin(
        request_id=None if request is None else str(request),
        tenant=None if tenant is None else TenantId(UUID(str(tenant))),
        job=str(job.id),
    )


def _has_another_try(job: Job, error: BaseException) -> bool:
    if isinstance(error, _AWAY):
        return not isinstance(error, _WaitedTooLongError)
    return number_of(job) + 1 < MOST_ATTEMPTS and _is_passing(error)


def start_of(job: Job) -> Start:
    """The start in which a job is."""
    return job.id, job.attempts


def number_of(job: Job) -> int:
    """How many attempts were made before: starts that found a part away are none."""
    return job.attempts - waits_of(job)


def attempt_of(job: Job) -> Attempt:
    """Which attempt this start is, with a fence that is higher than that of any start before."""
    assert job.id is not None, "jobs get their id from the database"
    # Ids of jobs grow, and so do attempts.
    return Attempt(number_of(job), (job.id * _MOST_STARTS + job.attempts) * FENCE_STEP)


def _is_passing(error: BaseException) -> bool:
    """Whether trying again may help: the error may pass, or was not foreseen."""
    return isinstance(error, _PASSING) or not isinstance(error, GroundwellError)


async def _is_replaced(context: JobContext) -> bool:
    """Whether a job of the same key waits already: then this one cannot, and need not, wait too."""
    key = context.job.queueing_lock
    if key is None:
        return False
    waiting = await context.app.job_manager.list_jobs_async(queueing_lock=key, status="todo")
    return bool(list(waiting))


def arguments_of(raw: object) -> JobArguments:
    """What the job's code gets of what was queued."""
    if not isinstance(raw, dict):
        return {}
    return {
        str(key): value
        for key, value in raw.items()
        if isinstance(value, str | int) and key not in _OWN
    }
