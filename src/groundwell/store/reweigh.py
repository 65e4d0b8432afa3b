"""Recomputing term weights after a collection's average length has moved."""

from __future__ import annotations

from uuid import UUID

import numpy as np
from pgvector import SparseVector
from psycopg import AsyncConnection

from groundwell.domain.bm25 import DIMENSIONS, saturation
from groundwell.domain.documents import CollectionId
from groundwell.store.chunks import lock_collection
from groundwell.store.collection_versions import note_change
from groundwell.store.database import Row

_STEP = 1000


async def adopt_average_length(
    connection: AsyncConnection[Row], collection: CollectionId
) -> float | None:
    """Make the true average length the one that weights are computed with, and return it."""
    if not await lock_collection(connection, collection):
        return None
    cursor = await connection.execute(
        "UPDATE collections SET average_length = term_count::real / chunk_count"
        " WHERE id = %s AND chunk_count > 0 RETURNING average_length",
        (collection,),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def reweigh_step(
    connection: AsyncConnection[Row], collection: CollectionId, average_length: float
) -> bool:
    """Bring up to 1,000 chunks to the given average length; False when none is left."""
    cursor = await connection.execute(
        "SELECT chunk_id, term_weights, length, average_length FROM chunk_terms"
        " WHERE collection_id = %s AND average_length <> %s::real"
        " ORDER BY chunk_id LIMIT %s FOR UPDATE",
        (collection, average_length, _STEP),
        binary=True,
    )
    rows = await cursor.fetchall()
    async with connection.cursor() as update:
        await update.executemany(
            "UPDATE chunk_terms SET term_weights = %s, average_length = %s WHERE chunk_id = %s",
            [_reweighed(row, average_length) for row in rows],
        )
    if rows:
        await note_change(connection, collection)
    return len(rows) == _STEP


def _reweighed(row: Row, average_length: float) -> tuple[SparseVector, float, UUID]:
    """Undo a weight w = tf / (tf + s), which gives tf = s w / (1 - w), and weigh tf anew."""
    chunk, weights, length, old_average_length = row
    old = np.array(weights.values(), dtype=np.float64)
    counts = np.rint(old * saturation(length, old_average_length) / (1 - old))
    new = counts / (counts + saturation(length, average_length))
    sparse = dict(zip(weights.indices(), new.tolist(), strict=True))
    return SparseVector(sparse, DIMENSIONS), average_length, chunk
