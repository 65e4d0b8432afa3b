"""What the dense leg of every search index promises, for tenants of any size."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from tests.conftest import fresh_database
from tests.unit.store.setting import DIMENSION, Shelf, make_shelf

from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.chunks import ChunkId, Encoding
from groundwell.domain.filters import Filter, parse_filter
from groundwell.domain.search import AnalysedQuery, IndexScope, SearchType
from groundwell.store.database import Database, owner_options
from groundwell.store.embedded import EmbeddedPostgres

PER_DOCUMENT = 10
TOPICS = 50
Cursor: TypeAlias = psycopg.AsyncCursor[Any]
# Each document's uid, and the id of its version.
Documents: TypeAlias = list[tuple[UUID, UUID]]
NOTHING = np.empty((0, DIMENSION), dtype=np.float32)


@dataclass(frozen=True)
class Vectors:
    """A tenant's random unit vectors; every document has ten of them and a number."""

    shelf: Shelf
    ids: list[ChunkId]
    matrix: NDArray[np.float32]

    def exact(
        self, query: NDArray[np.float32], documents: range, depth: int
    ) -> dict[ChunkId, float]:
        """The best of the given documents' vectors, by looking at all of them."""
        rows = range(documents.start * PER_DOCUMENT, documents.stop * PER_DOCUMENT)
        scores = self.matrix[rows.start : rows.stop] @ query
        best = np.argsort(-scores, kind="stable")[:depth]
        return {self.ids[rows.start + i]: float(scores[i]) for i in best.tolist()}


def draw(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Unit vectors that gather around topics, as those of texts do."""
    topics = np.random.default_rng(1).standard_normal((TOPICS, DIMENSION))
    chosen = topics[rng.integers(TOPICS, size=count)]
    drawn = (chosen + rng.standard_normal((count, DIMENSION))).astype(np.float32)
    unit: NDArray[np.float32] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


async def fill(shelf: Shelf, count: int, seed: int) -> Vectors:
    """Put vectors in by plain SQL, as their number is what matters."""
    matrix = draw(np.random.default_rng(seed), count)
    vectors = Vectors(shelf, [ChunkId(str(uuid4())) for _ in range(count)], matrix)
    documents = [(uuid4(), uuid4()) for _ in range(count // PER_DOCUMENT)]
    options = owner_options()
    async with await psycopg.AsyncConnection.connect(shelf.url, options=options) as connection:
        cursor = connection.cursor()
        await put_documents(cursor, shelf, documents)
        await put_chunks(cursor, vectors, documents)
        await cursor.execute(
            "UPDATE collections SET chunk_count = %s WHERE id = %s", (count, shelf.collection)
        )
    return vectors


async def put_documents(cursor: Cursor, shelf: Shelf, documents: Documents) -> None:
    await cursor.execute("CREATE TEMP TABLE given (n int, uid uuid, version uuid)")
    async with cursor.copy("COPY given FROM STDIN") as copy:
        for number, (uid, version) in enumerate(documents):
            await copy.write_row((number, uid, version))
    await cursor.execute(
        "INSERT INTO documents (uid, tenant_id, collection_id, id, s3_key, filename,"
        " media_type, file_size, status, attributes, chunk_count, active_version_id)"
        " SELECT uid, %s, %s, n::text, n::text, 'f', 'text/plain', 1, 'complete',"
        " jsonb_build_object('number', n), %s, version FROM given",
        (shelf.tenant, shelf.collection, PER_DOCUMENT),
    )
    await cursor.execute(
        "INSERT INTO document_versions (id, tenant_id, document_uid, number, sha256, filename,"
        " media_type, file_size) SELECT version, %s, uid, 1, 'x', 'f', 'text/plain', 1"
        " FROM given",
        (shelf.tenant,),
    )


async def put_chunks(cursor: Cursor, vectors: Vectors, documents: Documents) -> None:
    shelf = vectors.shelf
    async with cursor.copy(
        "COPY chunks (id, tenant_id, document_uid, version_id, ordinal, text, char_start,"
        " char_end) FROM STDIN"
    ) as copy:
        for row, identity in enumerate(vectors.ids):
            number, ordinal = divmod(row, PER_DOCUMENT)
            uid, version = documents[number]
            await copy.write_row((identity, shelf.tenant, uid, version, ordinal, "x", 0, 1))
    async with cursor.copy(
        f"COPY {shelf.space.table} (chunk_id, tenant_id, collection_id, document_uid,"  # type: ignore[arg-type] - a name of ours
        " embedding, token_bits) FROM STDIN"
    ) as copy:
        for row, identity in enumerate(vectors.ids):
            vector = "[" + ",".join(map(str, vectors.matrix[row].tolist())) + "]"
            uid, _ = documents[row // PER_DOCUMENT]
            await copy.write_row((identity, shelf.tenant, shelf.collection, uid, vector, b""))


@pytest_asyncio.fixture(scope="module")
async def tenants(postgres: EmbeddedPostgres) -> AsyncIterator[dict[str, Vectors]]:
    """A small, a middle and a large tenant that share one vector table."""
    with fresh_database(postgres) as url:
        pool = Database(url, min_size=1, max_size=2)
        await pool.open()
        sizes = {"small": 60, "middle": 1500, "large": 6000}
        yield {
            name: await fill(await make_shelf(pool, url), count, seed)
            for seed, (name, count) in enumerate(sizes.items())
        }
        await pool.close()


@pytest_asyncio.fixture(params=["unknown", "known"])
async def planner(request: pytest.FixtureRequest, tenants: dict[str, Vectors]) -> None:
    """The promises hold whether or not Postgres knows yet how much is in the table."""
    shelf = tenants["small"].shelf
    if request.param == "known":
        async with await psycopg.AsyncConnection.connect(
            shelf.url, options=owner_options(), autocommit=True
        ) as owner:
            await owner.execute("ANALYZE")


@pytest.mark.usefixtures("planner")
@pytest.mark.parametrize("share", [None, 1.0, 0.5, 0.1, 0.001, 0.0])
@pytest.mark.parametrize("size", ["small", "middle", "large"])
async def test_the_dense_leg_returns_all_rows_asked_for_and_the_right_ones(
    tenants: dict[str, Vectors], size: str, share: float | None
):
    vectors = tenants[size]
    count = len(vectors.ids) // PER_DOCUMENT
    matching = count if share is None else math.ceil(share * count)
    condition: Filter | None = (
        None if share is None else parse_filter({"number": {"$lt": matching}})
    )
    index = PostgresSearchIndex(vectors.shelf.database, vectors.shelf.space)
    scope = IndexScope(vectors.shelf.tenant, vectors.shelf.name, condition)
    rng = np.random.default_rng(99)
    hits = wanted = 0
    for depth in (1, 100, 100):
        query = draw(rng, 1)[0]
        legs = await index.search(
            scope, AnalysedQuery("", (), Encoding(query, NOTHING)), SearchType.SEMANTIC, depth
        )
        exact = vectors.exact(query, range(matching), depth)
        assert len(legs.dense) == len(exact) == min(depth, matching * PER_DOCUMENT)
        for chunk, score in legs.dense.items():
            row = vectors.ids.index(chunk)
            assert row < matching * PER_DOCUMENT
            assert score == pytest.approx(float(vectors.matrix[row] @ query), abs=2e-3)
        hits += len(legs.dense.keys() & exact.keys())
        wanted += len(exact)
    assert hits >= 0.98 * wanted
