from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest
from tests.fakes.embedder import FakeEmbedder
from tests.unit.store.setting import DIMENSION, Shelf, make_shelf, put

from groundwell.domain.chunks import ChunkId
from groundwell.domain.late_interaction import centre_and_pack
from groundwell.store.chunk_vectors import ChunkVectors
from groundwell.store.database import Database

TEXTS = {"a": "steel cables hold the bridge", "b": "bread rises slowly", "c": "the bridge is red"}


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    shelf = await make_shelf(database, database_url)
    await put(shelf, TEXTS)
    return shelf


async def chunks_of(shelf: Shelf) -> dict[str, ChunkId]:
    async with shelf.database.transaction(shelf.tenant) as connection:
        cursor = await connection.execute("SELECT text, id FROM chunks")
        return {text: ChunkId(str(chunk)) for text, chunk in await cursor.fetchall()}


async def test_vectors_come_back_as_they_were_stored(shelf: Shelf):
    chunks = await chunks_of(shelf)
    found = await ChunkVectors(shelf.database, shelf.space).read(shelf.tenant, [*chunks.values()])
    encodings = await FakeEmbedder(DIMENSION).embed_documents(list(chunks))
    for chunk, encoding in zip(chunks.values(), encodings, strict=True):
        stored = found[chunk]
        np.testing.assert_allclose(stored.embedding, encoding.vector, atol=1e-3)
        packed = centre_and_pack(encoding.token_vectors, shelf.space.centre)
        assert set(map(bytes, stored.token_bits)) <= set(map(bytes, packed))
        assert len(stored.token_bits)


async def test_a_chunk_that_is_gone_is_left_out(shelf: Shelf):
    chunks = await chunks_of(shelf)
    known = chunks[TEXTS["a"]]
    reader = ChunkVectors(shelf.database, shelf.space)
    assert (await reader.read(shelf.tenant, [ChunkId(str(uuid4())), known])).keys() == {known}
    assert await reader.read(shelf.tenant, []) == {}


@pytest.mark.parametrize("memory_bytes", [0, 1, 100, 1 << 20])
async def test_memory_of_any_size_changes_nothing(shelf: Shelf, memory_bytes: int):
    chunks = list((await chunks_of(shelf)).values())
    fresh = ChunkVectors(shelf.database, shelf.space)
    remembering = ChunkVectors(shelf.database, shelf.space, memory_bytes=memory_bytes)
    for wanted in (chunks[:2], chunks[1:], chunks, chunks[::2]):
        expected = await fresh.read(shelf.tenant, wanted)
        found = await remembering.read(shelf.tenant, wanted)
        assert found.keys() == expected.keys()
        for chunk in wanted:
            np.testing.assert_array_equal(found[chunk].embedding, expected[chunk].embedding)
            np.testing.assert_array_equal(found[chunk].token_bits, expected[chunk].token_bits)
