"""The audit log: entries are added and read, never changed."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from uuid import UUID, uuid4

from psycopg import AsyncConnection

from groundwell.domain.audit import AuditAction, AuditEntry, AuditEvent
from groundwell.domain.documents import TenantId
from groundwell.domain.origin import current_origin
from groundwell.domain.queues import Queue
from groundwell.ports.job_engine import Attempt, JobArguments, JobEngine, JobKind
from groundwell.store.database import Database, Row

FORGET_AUDIT_JOB = "forget_audit"


async def record(connection: AsyncConnection[Row], tenant: TenantId, event: AuditEvent) -> None:
    """Add an entry in the caller's transaction: it is there if, and only if, the change is.

    Request and address are those of the work that is being done.
    """
    origin = current_origin()
    await connection.execute(
        "INSERT INTO audit_log"
        " (id, tenant_id, action, actor_id, object, detail, count, request_id, address)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            uuid4(),
            tenant,
            event.action.value,
            event.actor,
            event.object,
            event.detail,
            event.count,
            origin.request_id,
            _checked(origin.address),
        ),
    )


async def list_entries(
    connection: AsyncConnection[Row],
    action: AuditAction | None,
    actor: UUID | None,
    since: datetime | None,
    until: datetime | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[AuditEntry]:
    """The tenant's entries from `since` until before `until`, newest first, following `after`."""
    moment, identity = after or (None, None)
    cursor = await connection.execute(
        "SELECT id, at, action, actor_id, object, detail, count, request_id, address"
        " FROM audit_log WHERE (%(action)s::text IS NULL OR action = %(action)s)"
        " AND (%(actor)s::uuid IS NULL OR actor_id = %(actor)s)"
        " AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)"
        " AND (%(until)s::timestamptz IS NULL OR at < %(until)s)"
        " AND (%(moment)s::timestamptz IS NULL OR (at, id) < (%(moment)s, %(identity)s))"
        " ORDER BY at DESC, id DESC LIMIT %(limit)s",
        {
            "action": None if action is None else action.value,
            "actor": actor,
            "since": since,
            "until": until,
            "moment": moment,
            "identity": identity,
            "limit": limit,
        },
    )
    return [_read(row) for row in await cursor.fetchall()]


class AuditRetention:
    """Forgets, every hour, the entries that are older than 400 days."""

    def __init__(self, database: Database, engine: JobEngine) -> None:
        self._database = database
        engine.register(
            JobKind(FORGET_AUDIT_JOB, Queue.MAINTENANCE, self._forget, _give_up, is_hourly=True)
        )

    async def _forget(self, arguments: JobArguments, attempt: Attempt) -> None:
        del arguments, attempt
        async with self._database.anonymous_transaction() as connection:
            await connection.execute("SELECT forget_old_audit()")


async def _give_up(arguments: JobArguments, attempt: Attempt, reason: str) -> None:
    """The next hour tries again."""
    del arguments, attempt, reason


def _checked(address: str | None) -> str | None:
    """A proxy may say anything: what is no address is left out."""
    try:
        return None if address is None else str(ipaddress.ip_address(address))
    except ValueError:
        return None


def _read(row: Row) -> AuditEntry:
    identity, at, action, actor, what, detail, count, request_id, address = row
    event = AuditEvent(AuditAction(action), actor, what, detail, count)
    return AuditEntry(identity, at, event, request_id, address)
