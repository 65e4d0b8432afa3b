"""Judged queries, stored under a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ConflictError, NotFoundError
from groundwell.domain.evaluation import EvalSet, EvalSetId, JudgedQuery
from groundwell.store.database import Row
from groundwell.store.large_results import rows_of

_COLUMNS = "SELECT id, name, collection, query_count, judgement_count, created_at FROM eval_sets"
_JUDGEMENTS_AT_ONCE = 2_000


async def insert_set(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    name: str,
    collection: str,
    queries: Sequence[JudgedQuery],
    owner: UUID | None = None,
) -> EvalSet:
    """Store a user's judged queries in the order given; ConflictError when the name is taken."""
    identity = EvalSetId(uuid4())
    cursor = await connection.execute(
        "INSERT INTO eval_sets"
        " (id, tenant_id, name, collection, query_count, judgement_count, owner_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, name) DO NOTHING",
        (
            identity,
            tenant,
            name,
            collection,
            len(queries),
            sum(len(query.grades) for query in queries),
            owner,
        ),
    )
    if cursor.rowcount == 0:
        raise ConflictError(f"There is a set '{name}' already.", code="eval_set_exists")
    first = 1
    for some in _in_pieces(queries):
        await connection.execute(
            "INSERT INTO eval_judgements (set_id, ordinal, tenant_id, query, grades)"
            " SELECT %s, %s + place - 1, %s, query, grades"
            " FROM unnest(%s::text[], %s::jsonb[]) WITH ORDINALITY AS t (query, grades, place)",
            (
                identity,
                first,
                tenant,
                [query.text for query in some],
                [Jsonb(dict(query.grades)) for query in some],
            ),
        )
        first += len(some)
    return await get_set(connection, identity)


async def list_sets(connection: AsyncConnection[Row]) -> list[EvalSet]:
    """All sets of the tenant, by name."""
    cursor = await connection.execute(f"{_COLUMNS} ORDER BY name")
    return [_set(row) for row in await cursor.fetchall()]


async def get_set(connection: AsyncConnection[Row], identity: EvalSetId) -> EvalSet:
    """The set of that id; NotFoundError when there is none."""
    cursor = await connection.execute(f"{_COLUMNS} WHERE id = %s", (identity,))
    return _one(await cursor.fetchone(), "There is no set with that id.")


async def get_set_by_name(connection: AsyncConnection[Row], name: str) -> EvalSet:
    """The set of that name; NotFoundError when there is none."""
    cursor = await connection.execute(f"{_COLUMNS} WHERE name = %s", (name,))
    return _one(await cursor.fetchone(), f"There is no set '{name}'.")


async def delete_set(connection: AsyncConnection[Row], identity: EvalSetId) -> None:
    """Delete a set with its runs; NotFoundError when there is none."""
    cursor = await connection.execute("DELETE FROM eval_sets WHERE id = %s", (identity,))
    if cursor.rowcount == 0:
        raise NotFoundError("There is no set with that id.", code="eval_set_not_found")


async def load_queries(
    connection: AsyncConnection[Row],
    identity: EvalSetId,
    *,
    limit: int | None = None,
    offset: int = 0,
) -> list[JudgedQuery]:
    """The set's queries in their order, all unless limited; ids are their places, from 1."""
    cursor = await connection.execute(
        "SELECT ordinal, query, grades FROM eval_judgements WHERE set_id = %s ORDER BY ordinal"
        " LIMIT %s OFFSET %s",
        (identity, limit, offset),
    )
    return [JudgedQuery(str(row[0]), row[1], row[2]) async for row in rows_of(cursor)]


async def count_missing(
    connection: AsyncConnection[Row], identity: EvalSetId, collection: str
) -> tuple[int, int]:
    """How many documents the collection has, and how many judged ones it lacks."""
    cursor = await connection.execute(
        "SELECT (SELECT count(*) FROM documents d JOIN collections c ON c.id = d.collection_id"
        "        WHERE c.name = %(collection)s AND d.active_version_id IS NOT NULL),"
        " (SELECT count(*) FROM (SELECT DISTINCT jsonb_object_keys(grades) AS id"
        "    FROM eval_judgements WHERE set_id = %(set)s) j"
        "  WHERE NOT EXISTS (SELECT FROM documents d JOIN collections c ON c.id = d.collection_id"
        "    WHERE c.name = %(collection)s AND d.id = j.id AND d.active_version_id IS NOT NULL))",
        {"set": identity, "collection": collection},
    )
    row = await cursor.fetchone()
    assert row is not None, "two counts are a row"
    return row[0], row[1]


def _in_pieces(queries: Sequence[JudgedQuery]) -> Iterator[Sequence[JudgedQuery]]:
    """The queries, some at a time: the driver lets nobody else have a turn until it has written."""
    begin = judgements = 0
    for place, query in enumerate(queries):
        if judgements >= _JUDGEMENTS_AT_ONCE:
            yield queries[begin:place]
            begin, judgements = place, 0
        judgements += len(query.grades)
    yield queries[begin:]


def _one(row: Row | None, otherwise: str) -> EvalSet:
    if row is None:
        raise NotFoundError(otherwise, code="eval_set_not_found")
    return _set(row)


def _set(row: Row) -> EvalSet:
    return EvalSet(EvalSetId(row[0]), row[1], row[2], row[3], row[4], row[5])
