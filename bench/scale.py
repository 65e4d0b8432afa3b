"""Search over 100,000 chunks: how long it takes, and what its two legs miss.

    python bench/scale.py [--data-dir DIR] [--chunks N] [--embed] [--queries N] [--seconds N]

The documents are made up (see made_up_text.py). Embedding them with the model takes an hour on two
cores; `--embed` does that. Without it, passages get vectors drawn around topics (drawn_vectors.py
says how these were matched to the model's), and everything else goes the product's way. With
--data-dir the folder is kept, and what it holds is measured without filling it again.

Printed are: recall@10 of the graph against an exact scan, for query vectors drawn from the same
space (with --embed: of the model); the keyword leg's share of an exact BM25's best hundred; and,
from a real server through HTTP, latencies for one client without a filter, with one that 1 % of
the documents pass, and with one that 0.1 % pass. Over HTTP the model embeds the queries, which in
a folder of drawn vectors lie elsewhere than the passages; the milliseconds of the graph are
therefore printed for both kinds. Goals: p50 40 ms, p95 100 ms, recall .98.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from psycopg import sql

from drawn_vectors import PARTS_OF_A_TOPIC, PASSAGES_OF_A_TOPIC, DrawnSpace, Floats
from exact_keyword import ExactChunks
from filling import Folder, PieceTokenizer, StandInEmbedder, fill, new_document, open_folder
from groundwell.store.intake import NewDocument
from keyword_overlap import keyword_shares
from load import SEARCH, closed_posts, search_bodies
from made_up_text import Language, MadeUpDocument
from server import running_server

COLLECTION = "default"
DEPTH = 10
# The filters that are measured: fields of all documents.
FILTERS: dict[str, dict[str, Any] | None] = {
    "no filter": None,
    "filter, 1 % of documents": {"hundredth": 7},
    "filter, 0.1 % of documents": {"thousandth": 7},
}


class World:
    """The made-up documents and where their passages lie."""

    def __init__(self, chunks: int, dimension: int) -> None:
        topics = max(1, chunks // PASSAGES_OF_A_TOPIC)
        self.language = Language(topics, PARTS_OF_A_TOPIC)
        self.space = DrawnSpace(topics, dimension)
        self._by_title: dict[str, MadeUpDocument] = {}

    def documents(self) -> Iterator[NewDocument]:
        """As many as are wanted."""
        for number in count():
            document = self.language.document(number)
            self._by_title[document.title] = document
            yield new_document(
                f"doc-{number}",
                document.title,
                document.text,
                {"hundredth": number % 100, "thousandth": number % 1000},
            )

    def vector_of(self, text: str) -> Floats:
        """The vector of a passage, which stands under its document's title."""
        title, _, passage = text.partition("\n")
        document = self._by_title[title]
        ordinal = sum(map(ord, passage[:200]))
        return self.space.passage(document.topic, document.part, document.number, ordinal)

    def query_vector(self, number: int) -> Floats:
        """The drawn vector of the query of that number."""
        _, document = self.language.query(number)
        return self.space.query(document.topic, document.part, document.number, number)


async def prepare(folder: Folder, world: World, options: argparse.Namespace) -> None:
    """Fill the folder, unless it is full."""
    with folder.connect() as connection:
        row = connection.execute(
            "SELECT chunk_count FROM collections WHERE name = %s", (COLLECTION,)
        ).fetchone()
    chunks = 0 if row is None else row[0]
    if not chunks:
        embedder = folder.embedder
        if not options.embed:
            embedder = StandInEmbedder(folder.embedder, PieceTokenizer(), world.vector_of)
        begun = time.perf_counter()
        chunks = await fill(folder, COLLECTION, world.documents(), embedder, options.chunks)
        seconds = time.perf_counter() - begun
        print(f"filled in {seconds:.0f} s: {chunks / seconds:.0f} chunks/s")
    with folder.connect() as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM documents), avg(length),"
            " pg_size_pretty(pg_database_size(current_database())) FROM chunk_terms"
        ).fetchone()
    assert row is not None, "an aggregate gives a row"
    print(f"{chunks} chunks of {row[0]} documents, {row[1]:.0f} terms each, {row[2]}", flush=True)


class DenseLeg:
    """The functions of the dense leg, called as the server calls them."""

    def __init__(self, folder: Folder, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        register_vector(connection)
        row = connection.execute(
            "SELECT id FROM collections WHERE name = %s", (COLLECTION,)
        ).fetchone()
        assert row is not None, "the folder has been filled"
        self._table, self._connection, self._collection = folder.space.table, connection, row[0]
        connection.execute("SET ROLE groundwell_app")
        connection.execute(
            "SELECT set_config('groundwell.tenant', %s, false)", (str(folder.tenant),)
        )

    def ask(self, way: str, vector: Floats, depth: int) -> tuple[list[float], float]:
        """The scores that a way (graph, exact or search) finds, and the milliseconds it took."""
        call = sql.SQL("SELECT score FROM {}(%s, %s, %s, NULL)").format(
            sql.Identifier(f"{self._table}_{way}")
        )
        begun = time.perf_counter()
        rows = self._connection.execute(
            call, (self._collection, HalfVector(vector), depth)
        ).fetchall()
        return sorted((row[0] for row in rows), reverse=True), (time.perf_counter() - begun) * 1000


def measure_dense(leg: DenseLeg, name: str, vectors: Sequence[Floats]) -> None:
    """Recall@10, when asked for a hundred as a search does, and the times of both ways."""
    recalls, recalls_100, graph, scan = [], [], [], []
    for vector in vectors:
        found, milliseconds = leg.ask("graph", vector, 100)
        best, exact_milliseconds = leg.ask("exact", vector, 100)
        graph.append(milliseconds)
        scan.append(exact_milliseconds)
        recalls.append(_recall(found, best[:DEPTH]))
        recalls_100.append(_recall(found, best))
    print(
        f"dense, {name:<16} recall@10 {np.mean(recalls):.4f}   @100 {np.mean(recalls_100):.4f}   "
        f"graph p50 {np.median(graph):.1f} p95 {np.quantile(graph, 0.95):.1f} ms   "
        f"exact p50 {np.median(scan):.1f} ms",
        flush=True,
    )


def _recall(found: Sequence[float], best: Sequence[float]) -> float:
    """The share of the best that was found; one as good as the last of them counts for it."""
    good = sum(score >= best[-1] - 1e-6 for score in found)
    return min(good, len(best)) / len(best)


async def measure_legs(folder: Folder, world: World, options: argparse.Namespace) -> None:
    """What the legs find, without a server."""
    numbers = range(options.queries)
    texts = [world.language.query(number)[0] for number in numbers]
    embedded = [(await folder.embedder.embed_query(text)).vector for text in texts]
    with folder.connect() as connection:
        leg = DenseLeg(folder, connection)
        if not options.embed:
            measure_dense(leg, "drawn queries", [world.query_vector(number) for number in numbers])
        measure_dense(leg, "model's queries", embedded)
    if options.skip_keyword:
        return
    with folder.connect() as connection:
        exact = ExactChunks.of(connection, COLLECTION)
    shares, milliseconds = await keyword_shares(folder, COLLECTION, texts, exact)
    print(
        f"keyword, share of the exact best 100: mean {np.mean(shares):.4f}   5 % below "
        f"{np.quantile(shares, 0.05):.2f}   p50 {np.median(milliseconds):.1f} "
        f"p95 {np.quantile(milliseconds, 0.95):.1f} ms",
        flush=True,
    )


def measure_server(data_dir: Path, query: Callable[[int], str], seconds: float) -> None:
    """Latencies over HTTP, one client."""
    texts = [query(number) for number in range(1000, 3000)]
    with running_server(data_dir) as server:
        print(f"ready after {server.ready_seconds:.2f} s")
        for name, chosen in FILTERS.items():
            options = {} if chosen is None else {"filter": chosen}
            bodies = search_bodies(texts, **options)
            target = (server.url, server.key, SEARCH)
            # Other queries than the measured ones: the first searches fill caches and plans.
            asyncio.run(closed_posts(*target, bodies[1500:], clients=1, seconds=3))
            outcome = asyncio.run(closed_posts(*target, bodies[:1500], clients=1, seconds=seconds))
            print(outcome.line(f"1 client, {name}"), flush=True)
        memory = ", ".join(f"{name} {value:.0f}" for name, value in server.memory().items())
        print(f"memory in MiB: {memory}")


async def measure_folder(data_dir: Path, options: argparse.Namespace) -> World:
    """Fill and measure the legs."""
    async with open_folder(data_dir) as folder:
        world = World(options.chunks, folder.space.dimension)
        await prepare(folder, world, options)
        if options.queries:
            await measure_legs(folder, world, options)
    return world


def main() -> None:
    """Run the benchmark and print its figures."""
    options = _options()
    with TemporaryDirectory(prefix="groundwell-bench-") as temporary:
        data_dir = options.data_dir or Path(temporary)
        world = asyncio.run(measure_folder(data_dir, options))
        if options.seconds:
            measure_server(data_dir, lambda n: world.language.query(n)[0], options.seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, help="keep the data here, or use what is there")
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--embed", action="store_true", help="embed with the real model")
    parser.add_argument("--queries", type=int, default=300, help="for the legs; 0 leaves them out")
    parser.add_argument("--skip-keyword", action="store_true", help="leave the exact BM25 out")
    parser.add_argument("--seconds", type=float, default=20, help="of each run; 0 leaves HTTP out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
