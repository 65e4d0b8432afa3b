"""Embedding documents step by step, where no step is paid for twice, and each has its turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from uuid import UUID

from groundwell.domain.chunks import EncodedChunk
from groundwell.domain.documents import DocumentUid, Stage, TenantId, VersionId
from groundwell.ingestion.encode import PlacedChunk, encode_again, encode_chunks
from groundwell.ports.embedder import Embedder
from groundwell.store.database import Database
from groundwell.store.embedded_chunks import count_embedded
from groundwell.store.embedding_checkpoints import (
    Checkpoint,
    CheckpointKey,
    find_checkpoints,
    load_checkpoints,
    save_checkpoints,
)
from groundwell.store.ingestion import set_stage
from groundwell.store.spaces import EmbeddingSpace

# Chunks embedded between two reports of progress.
_STEP = 64


@dataclass(frozen=True, slots=True)
class Embedded:
    """The chunks of each document that is done, and the versions for which the time was too short.

    Documents that the attempt no longer holds are in neither.
    """

    chunks: dict[VersionId, list[EncodedChunk]]
    unfinished: frozenset[VersionId]


class EmbeddingRun:
    """The embedding of some documents' chunks by one attempt.

    Each step is stored as it comes. An attempt that begins after a failure, or after the time was
    too short, finds the steps of the one before it.
    """

    def __init__(
        self,
        database: Database,
        space: EmbeddingSpace,
        embedder: Embedder,
        tenant: TenantId,
        fence: int,
    ) -> None:
        self._database = database
        self._space = space
        self._embedder = embedder
        self._tenant = tenant
        self._fence = fence

    async def encode(
        self,
        versions: Mapping[DocumentUid, VersionId],
        placed: Sequence[PlacedChunk],
        deadline: float,
    ) -> Embedded:
        """Encode the chunks of documents, each document's in the order of `placed`.

        After `deadline`, a moment of the monotonic clock, no new step begins.
        """
        # A long document has a hundred thousand chunks: what is done for each is done in a thread.
        keys = await asyncio.to_thread(_keys, placed, self._space.table)
        async with self._database.transaction(self._tenant) as connection:
            known = await find_checkpoints(connection, versions.values())
        waiting = [index for index, key in enumerate(keys) if key not in known]
        wanted = await self._report(versions, 1 - len(waiting) / len(placed), [])
        encoded: dict[int, EncodedChunk] = {}
        while waiting := _still_wanted(waiting, placed, wanted, versions):
            if encoded and time.monotonic() > deadline:
                break
            step, waiting = waiting[:_STEP], waiting[_STEP:]
            chunks = await encode_chunks(
                self._embedder, self._space.centre, [placed[index] for index in step]
            )
            encoded.update(zip(step, chunks, strict=True))
            fresh = [
                (keys[index], Checkpoint(chunk.vector, chunk.token_bits))
                for index, chunk in zip(step, chunks, strict=True)
            ]
            wanted = await self._report(versions, 1 - len(waiting) / len(placed), fresh)
        unfinished = frozenset(placed[index].version for index in waiting)
        done = set(wanted) - unfinished
        if known:
            encoded |= await self._recall(done, placed, keys, encoded)
        return Embedded(await asyncio.to_thread(_by_version, placed, encoded, done), unfinished)

    async def _recall(
        self,
        versions: Collection[VersionId],
        placed: Sequence[PlacedChunk],
        keys: Sequence[CheckpointKey],
        encoded: Collection[int],
    ) -> dict[int, EncodedChunk]:
        """What earlier attempts have stored of these versions, but for what is encoded anyway."""
        async with self._database.transaction(self._tenant) as connection:
            stored = await load_checkpoints(connection, versions, self._space.dimension)
        return await asyncio.to_thread(_recalled, placed, keys, stored, encoded)

    async def _report(
        self,
        versions: Mapping[DocumentUid, VersionId],
        progress: float,
        fresh: Sequence[tuple[CheckpointKey, Checkpoint]],
    ) -> Collection[VersionId]:
        """Say where the documents stand, store a step, and return the versions still wanted."""
        async with self._database.transaction(self._tenant) as connection:
            held: set[UUID] = await set_stage(
                connection, versions, Stage.EMBED, progress, self._fence
            )
            wanted = {version for uid, version in versions.items() if uid in held}
            kept = [each for each in fresh if each[0][0] in wanted]
            await save_checkpoints(connection, self._tenant, kept)
            # Those that nobody wants any more were embedded all the same.
            await count_embedded(connection, self._tenant, len(fresh))
        return wanted


def _keys(placed: Sequence[PlacedChunk], space: str) -> list[CheckpointKey]:
    return [(each.version, each.digest(space)) for each in placed]


def _still_wanted(
    waiting: list[int],
    placed: Sequence[PlacedChunk],
    wanted: Collection[VersionId],
    versions: Mapping[DocumentUid, VersionId],
) -> list[int]:
    # Nearly always all are, and a long document has many steps.
    if len(wanted) == len(versions):
        return waiting
    return [index for index in waiting if placed[index].version in wanted]


def _recalled(
    placed: Sequence[PlacedChunk],
    keys: Sequence[CheckpointKey],
    stored: Mapping[CheckpointKey, Checkpoint],
    encoded: Collection[int],
) -> dict[int, EncodedChunk]:
    return {
        index: encode_again(placed[index], stored[key].vector, stored[key].token_bits)
        for index, key in enumerate(keys)
        if key in stored and index not in encoded
    }


def _by_version(
    placed: Sequence[PlacedChunk],
    encoded: Mapping[int, EncodedChunk],
    versions: Collection[VersionId],
) -> dict[VersionId, list[EncodedChunk]]:
    """The chunks of these versions, each version's in its order."""
    result: dict[VersionId, list[EncodedChunk]] = {version: [] for version in versions}
    for index, chunk in sorted(encoded.items(), key=itemgetter(0)):
        if placed[index].version in result:
            result[placed[index].version].append(chunk)
    return result
