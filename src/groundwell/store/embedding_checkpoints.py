"""Embeddings of versions that are not searchable yet, kept over failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection

from groundwell.domain.chunks import Floats
from groundwell.domain.documents import TenantId, VersionId
from groundwell.store.database import Row

_PAGE = 1_000

CheckpointKey: TypeAlias = tuple[VersionId, bytes]
"""A version, and the digest of what was embedded."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A vector, and token bits of shape (tokens, bytes of a vector's signs)."""

    vector: Floats
    token_bits: NDArray[np.uint8]


async def find_checkpoints(
    connection: AsyncConnection[Row], versions: Iterable[VersionId]
) -> set[CheckpointKey]:
    """Of which chunks of these versions something is kept."""
    cursor = await connection.execute(
        "SELECT version_id, digest FROM embedding_checkpoints WHERE version_id = ANY(%s)",
        (list(versions),),
        binary=True,
    )
    return {(version, bytes(digest)) for version, digest in await cursor.fetchall()}


async def load_checkpoints(
    connection: AsyncConnection[Row], versions: Iterable[VersionId], dimension: int
) -> dict[CheckpointKey, Checkpoint]:
    """What was kept of these versions."""
    # Asked for in pages: of a long document, all at once would hold up the loop for seconds.
    async with connection.cursor(name="checkpoints", binary=True) as cursor:
        cursor.itersize = _PAGE
        await cursor.execute(
            "SELECT version_id, digest, embedding, token_bits FROM embedding_checkpoints"
            " WHERE version_id = ANY(%s)",
            (list(versions),),
        )
        return {
            (version, bytes(digest)): Checkpoint(
                np.frombuffer(embedding, np.float16).astype(np.float32),
                np.frombuffer(token_bits, np.uint8).reshape(-1, (dimension + 7) // 8),
            )
            async for version, digest, embedding, token_bits in cursor
        }


async def save_checkpoints(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    checkpoints: Iterable[tuple[CheckpointKey, Checkpoint]],
) -> None:
    """Keep embeddings until their version is searchable."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO embedding_checkpoints (version_id, digest, tenant_id, embedding,"
            " token_bits) VALUES (%s, %s, %s, %b, %b) ON CONFLICT DO NOTHING",
            [
                (
                    version,
                    digest,
                    tenant,
                    checkpoint.vector.astype(np.float16).tobytes(),
                    checkpoint.token_bits.tobytes(),
                )
                for (version, digest), checkpoint in checkpoints
            ],
        )


async def forget_checkpoints(connection: AsyncConnection[Row], versions: Sequence[UUID]) -> None:
    """Remove what was kept of versions that need it no more."""
    await connection.execute(
        "DELETE FROM embedding_checkpoints WHERE version_id = ANY(%s)", (list(versions),)
    )
