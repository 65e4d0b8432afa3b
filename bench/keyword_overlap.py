"""Which share of an exact BM25's best hundred the keyword leg returns.

    python bench/keyword_overlap.py FOLDER [COLLECTION ...]

FOLDER holds collections in BEIR form. The leg takes its candidates from the rarest terms of a
query only; this measures what it loses by that. Each collection is ingested into a data folder of
its own with stand-in vectors, since they do not matter here; its queries (at most 500) go through
the leg as the server runs it, and through a BM25 over all chunks with the same terms, k1 and b.
The goal is 98 % everywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from exact_keyword import ExactChunks
from filling import Folder, StandInEmbedder, fill, new_document, open_folder
from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.analysis import analyse
from groundwell.domain.search import AnalysedQuery, IndexScope, SearchType
from server import read_corpus, read_queries

COLLECTIONS = ["nfcorpus", "cranfield", "cacm", "medline", "cisi"]
DEPTH = 100


async def keyword_shares(
    folder: Folder, collection: str, queries: Sequence[str], exact: ExactChunks
) -> tuple[list[float], list[float]]:
    """Each query's share of the exact best hundred, and the milliseconds that the leg took."""
    index = PostgresSearchIndex(folder.database, folder.space)
    scope = IndexScope(folder.tenant, collection, None)
    shares, milliseconds = [], []
    for text in queries:
        query = AnalysedQuery(text, tuple(analyse(text)), None)
        begun = time.perf_counter()
        legs = await index.search(scope, query, SearchType.KEYWORD, DEPTH)
        milliseconds.append((time.perf_counter() - begun) * 1000)
        share = exact.share(text, legs.keyword, DEPTH)
        if share is not None:
            shares.append(share)
    return shares, milliseconds


async def measure(source: Path, data_dir: Path, most_queries: int) -> None:
    """Ingest one collection and print its line."""
    chance = np.random.default_rng(0)
    async with open_folder(data_dir) as folder:
        vectors = chance.standard_normal((64, folder.space.dimension), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        stand_in = StandInEmbedder(
            folder.embedder, folder.embedder.tokenizer, lambda text: vectors[len(text) % 64]
        )
        corpus = [
            new_document(item["id"], item["title"], item["text"])
            for item in read_corpus(source)
            if f"{item['title'] or ''}{item['text']}".strip()
        ]
        chunks = await fill(folder, "default", corpus, stand_in)
        with folder.connect() as connection:
            exact = ExactChunks.of(connection, "default")
        queries = read_queries(source)[:most_queries]
        shares, milliseconds = await keyword_shares(folder, "default", queries, exact)
    print(
        f"{source.name:12} {chunks:>7} chunks {len(shares):>5} queries   mean {np.mean(shares):.4f}"
        f"   5 % below {np.quantile(shares, 0.05):.2f}   least {min(shares):.2f}"
        f"   p50 {np.median(milliseconds):.1f} ms",
        flush=True,
    )


def main() -> None:
    """Measure the collections named on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("collections", nargs="*", default=COLLECTIONS)
    parser.add_argument("--queries", type=int, default=500)
    options = parser.parse_args()
    for name in options.collections:
        with TemporaryDirectory(prefix="groundwell-bench-") as data_dir:
            asyncio.run(measure(options.folder / name, Path(data_dir), options.queries))


if __name__ == "__main__":
    main()
