"""Telling others that a document is finished: at least once, signed, to allowed hosts only.

The event and the job that delivers it are written in the transaction that finishes the document
("transactional outbox": Richardson, Microservices Patterns, 2018, section 3.3), so that nothing
is told that did not happen, and what happened is told however the processes die.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import CallbackState, DocumentUid, TenantId
from groundwell.domain.errors import UnavailableError
from groundwell.domain.queues import Queue
from groundwell.domain.webhooks.hosts import HostRules
from groundwell.domain.webhooks.signature import derive_secret, show_secret, sign
from groundwell.ports.callback_sender import CallbackSender, Fate, Receipt
from groundwell.ports.job_engine import Attempt, JobArguments, JobEngine, JobKind, Turn
from groundwell.store.callbacks import (
    WaitingEvent,
    Wish,
    ask_for_callbacks,
    find_waiting,
    give_up_events,
    note_try,
    write_events,
)
from groundwell.store.database import Database, Row
from groundwell.store.intake import Accepted

DELIVER_JOB = "deliver_callbacks"
PAUSES_SECONDS = (5, 30, 300, 3600)
"""Least pauses between the five tries; the job engine makes each up to half as long again."""
_EVENTS_PER_JOB = 32
_CALLS_AT_ONCE = 8
_log = logging.getLogger(__name__)


async def announce(
    connection: AsyncConnection[Row],
    engine: JobEngine,
    tenant: TenantId,
    uids: Sequence[DocumentUid],
) -> None:
    """Have those told who wait for the documents, as far as these are finished by now.

    Belongs into every transaction that finishes documents.
    """
    events = await write_events(connection, uids)
    for start in range(0, len(events), _EVENTS_PER_JOB):
        named = " ".join(map(str, events[start : start + _EVENTS_PER_JOB]))
        await engine.defer(
            connection,
            DELIVER_JOB,
            {"tenant": str(tenant), "events": named},
            turn=Turn(str(tenant)),
        )


class Webhooks:
    """Takes wishes for callbacks, and delivers what became of the documents.

    `server_key` is the secret from which those of the tenants follow. `clock` gives seconds since
    1970: receivers compare it with theirs.
    """

    def __init__(
        self,
        database: Database,
        engine: JobEngine,
        rules: HostRules,
        sender: CallbackSender,
        server_key: bytes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._engine = engine
        self._rules = rules
        self._sender = sender
        self._server_key = server_key
        self._clock = clock
        engine.register(JobKind(DELIVER_JOB, Queue.CALLBACKS, self._deliver, self._give_up))

    def secret(self, tenant: TenantId) -> str:
        """What receivers check the signatures of a tenant's calls with."""
        return show_secret(derive_secret(self._server_key, tenant))

    def read_wish(self, user: UUID, url: str) -> Wish:
        """A wish of a user. Raises UrlRefusedError for what would not be called either."""
        return Wish(user, url, self._rules.check(url).host)

    async def ask(
        self,
        connection: AsyncConnection[Row],
        tenant: TenantId,
        wish: Wish,
        accepted: Sequence[Accepted],
    ) -> None:
        """Keep a wish in the transaction that takes documents in.

        Of those that need no work, their state is told at once.
        """
        documents = [(item.uid, item.version) for item in accepted]
        await ask_for_callbacks(connection, tenant, wish, documents)
        await announce(connection, self._engine, tenant, [uid for uid, _ in documents])

    async def _deliver(self, arguments: JobArguments, attempt: Attempt) -> None:
        """Make one try at each event that waits. Raises UnavailableError to have another one."""
        del attempt  # Two workers that deliver the same event do no harm: it has one id.
        tenant, events = _events(arguments)
        async with self._database.transaction(tenant) as connection:
            waiting = await find_waiting(connection, events)
        places = asyncio.Semaphore(_CALLS_AT_ONCE)
        away: dict[str, Receipt] = {}
        states = await asyncio.gather(
            *(self._try(tenant, event, places, away) for event in waiting), return_exceptions=True
        )
        for state in states:
            if isinstance(state, BaseException):
                raise state
        left = [
            event.tries
            for event, state in zip(waiting, states, strict=True)
            if state is CallbackState.WAITING
        ]
        if left:
            raise UnavailableError(
                f"{len(left)} receivers of callbacks have not taken them.",
                retry_after_seconds=PAUSES_SECONDS[min(left)],
            )

    async def _try(
        self,
        tenant: TenantId,
        event: WaitingEvent,
        places: asyncio.Semaphore,
        away: dict[str, Receipt],
    ) -> CallbackState:
        async with places:
            # One host that is silent must not be waited for as often as it is to be called.
            receipt = away.get(event.host) or await self._call(tenant, event)
        if receipt.fate is Fate.AWAY:
            away[event.host] = receipt
        state = _state_after(event, receipt)
        if state is CallbackState.FAILED:
            _log.warning("callback %s to %s is given up: %s", event.id, event.host, receipt.error)
        async with self._database.transaction(tenant) as connection:
            await note_try(connection, event.id, state, receipt.error)
        return state

    async def _call(self, tenant: TenantId, event: WaitingEvent) -> Receipt:
        secret = derive_secret(self._server_key, tenant)
        headers = sign(secret, event.id, int(self._clock()), event.body)
        return await self._sender.send(event.url, headers, event.body)

    async def _give_up(self, arguments: JobArguments, attempt: Attempt, reason: str) -> None:
        del attempt
        tenant, events = _events(arguments)
        async with self._database.transaction(tenant) as connection:
            await give_up_events(connection, events, reason)


def _state_after(event: WaitingEvent, receipt: Receipt) -> CallbackState:
    if receipt.fate is Fate.DELIVERED:
        return CallbackState.DELIVERED
    if receipt.fate is Fate.REFUSED or event.tries >= len(PAUSES_SECONDS):
        return CallbackState.FAILED
    return CallbackState.WAITING


def _events(arguments: JobArguments) -> tuple[TenantId, list[UUID]]:
    tenant = TenantId(UUID(str(arguments["tenant"])))
    return tenant, [UUID(event) for event in str(arguments["events"]).split()]
