"""What the caches are worth: searches that hit against searches that miss, through HTTP.

python bench/cache.py                             made-up documents
python bench/cache.py --beir DIR                  a BEIR folder with corpus and queries

Every query is sent in turns without caches, the first time with them (a miss) and once more (a
hit), so that a busy machine disturbs all alike. A last column has what the miss costs beyond the
search itself: the look-up of the collection's version.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import httpx

from server import (
    Server,
    ingest,
    make_corpus,
    make_queries,
    read_corpus,
    read_queries,
    running_server,
)

BYPASS = {"Cache-Control": "no-cache"}


def main() -> None:
    """Run the benchmark and print one line for each kind of search."""
    options = _options()
    if options.beir is None:
        documents, queries = make_corpus(options.documents), make_queries(options.queries + 20)
    else:
        documents, queries = read_corpus(options.beir), read_queries(options.beir)
    distinct = list(dict.fromkeys(queries))[: options.queries + 20]
    with running_server(options.data_dir) as server:
        if options.data_dir is None or options.ingest:
            ingest(server, documents)
        _measure(server, distinct[:20], distinct[20:])


def _measure(server: Server, warming: list[str], queries: list[str]) -> None:
    taken: dict[str, list[float]] = {"uncached": [], "miss": [], "hit": []}
    looking: list[float] = []
    with httpx.Client(base_url=server.url, headers=server.headers, timeout=60) as http:
        for query in warming:
            _search(http, query, BYPASS)
        for place, query in enumerate(queries):
            # Whoever comes second finds the pages of Postgres warm, so they take turns.
            first, second = ("uncached", "miss") if place % 2 else ("miss", "uncached")
            for kind in (first, second, "hit"):
                milliseconds, found, is_hit = _search(
                    http, query, BYPASS if kind == "uncached" else {}
                )
                if is_hit != (kind == "hit"):
                    raise SystemExit(f"a search that should be '{kind}' was not")
                taken[kind].append(milliseconds)
                if kind == "miss":
                    looking.append(found["timings_ms"]["cache"])
    for kind, times in taken.items():
        print(f"{kind:<9} {len(times)} searches  {_quantiles(times)}")
    print(f"{'look-up':<9} {_quantiles(looking)}, within the miss")
    hit, uncached = statistics.median(taken["hit"]), statistics.median(taken["uncached"])
    miss = statistics.median(taken["miss"])
    print(f"uncached / hit {uncached / hit:.2f}, miss / uncached {miss / uncached:.3f}")


def _search(
    http: httpx.Client, query: str, headers: dict[str, str]
) -> tuple[float, dict[str, Any], bool]:
    begun = time.perf_counter()
    response = http.post("/api/v1/search", json={"query": query}, headers=headers)
    milliseconds = (time.perf_counter() - begun) * 1000
    response.raise_for_status()
    return milliseconds, response.json(), "cache-status" in response.headers


def _quantiles(times: list[float]) -> str:
    ordered = sorted(times)
    p95 = ordered[int(0.95 * len(ordered))]
    return f"p50 {statistics.median(ordered):.2f}  p95 {p95:.2f} ms"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beir", type=Path, help="folder with corpus.jsonl[.gz], queries.jsonl")
    parser.add_argument("--documents", type=int, default=1000, help="made-up documents")
    parser.add_argument("--queries", type=int, default=300, help="distinct queries")
    parser.add_argument("--data-dir", type=Path, help="keep the data here, or use what is there")
    parser.add_argument("--ingest", action="store_true", help="ingest into --data-dir first")
    return parser.parse_args()


if __name__ == "__main__":
    main()
