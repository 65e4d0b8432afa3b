"""Requests that may be sent again, told apart by a key of the client's choice.

This follows the IETF's draft "The Idempotency-Key HTTP Header Field": the same key with the same
request gives the first answer again, the same key with another request is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from groundwell.domain.documents import DocumentStatus, DocumentUid, TenantId
from groundwell.domain.errors import ConflictError
from groundwell.store.database import Row
from groundwell.store.intake import Accepted

KEPT_HOURS = 24


@dataclass(frozen=True, slots=True)
class RepeatableRequest:
    """Whose it is, the key that he chose, and a digest of all that the request says."""

    user: UUID
    key: str
    digest: bytes


async def accept_once(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    request: RepeatableRequest | None,
    accept: Callable[[], Awaitable[list[Accepted]]],
) -> list[Accepted]:
    """What `accept` gives, or what it gave when the request came first.

    The answer is kept by the caller's transaction: it is there exactly if the work is. Of several
    such requests at once, one works and the others wait for its answer. Raises ConflictError for a
    key of another request.
    """
    if request is None:
        return await accept()
    await _forget_old(connection)
    cursor = await connection.execute(
        "INSERT INTO idempotency_keys (tenant_id, user_id, key, request_digest)"
        " VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (tenant, request.user, request.key, request.digest),
    )
    if cursor.rowcount == 0:
        return await _first_answer(connection, request)
    accepted = await accept()
    await connection.execute(
        "UPDATE idempotency_keys SET answer = %s WHERE user_id = %s AND key = %s",
        (Jsonb([_written(item) for item in accepted]), request.user, request.key),
    )
    return accepted


async def _forget_old(connection: AsyncConnection[Row]) -> None:
    """Remove the tenant's old keys; those that another request removes just now are left to it."""
    await connection.execute(
        "DELETE FROM idempotency_keys WHERE (user_id, key) IN ("
        " SELECT user_id, key FROM idempotency_keys"
        " WHERE created_at < now() - make_interval(hours => %s) FOR UPDATE SKIP LOCKED)",
        (KEPT_HOURS,),
    )


async def _first_answer(
    connection: AsyncConnection[Row], request: RepeatableRequest
) -> list[Accepted]:
    cursor = await connection.execute(
        "SELECT request_digest, answer FROM idempotency_keys WHERE user_id = %s AND key = %s",
        (request.user, request.key),
    )
    row = await cursor.fetchone()
    assert row is not None, "whoever wrote it has committed, and it is not a day old"
    if bytes(row[0]) != request.digest:
        raise ConflictError(
            "This Idempotency-Key belongs to another request. Take a new key for a new request.",
            code="idempotency_mismatch",
        )
    return [_read(item) for item in row[1]]


def _written(accepted: Accepted) -> list[object]:
    uid, status = str(accepted.uid), accepted.status.value
    return [uid, accepted.id, status, accepted.version, accepted.has_work]


def _read(item: list[object]) -> Accepted:
    uid, identity, status, version, has_work = item
    return Accepted(
        DocumentUid(UUID(str(uid))),
        str(identity),
        DocumentStatus(str(status)),
        int(str(version)),
        bool(has_work),
    )
