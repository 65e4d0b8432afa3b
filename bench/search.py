"""Ingest and search through HTTP: documents a second, latencies, memory.

python bench/search.py                            made-up documents
python bench/search.py --beir DIR                 a BEIR folder with corpus and queries
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from load import closed_loop, thinking_users
from server import (
    ingest,
    make_corpus,
    make_queries,
    read_corpus,
    read_queries,
    running_server,
)


def main() -> None:
    """Run the benchmark and print one line for each figure."""
    options = _options()
    if options.beir is None:
        documents, queries = make_corpus(options.documents), make_queries(2000)
    else:
        documents, queries = read_corpus(options.beir), read_queries(options.beir)
    with running_server(options.data_dir) as server:
        print(f"ready after {server.ready_seconds:.2f} s")
        if options.data_dir is None or options.ingest:
            seconds = ingest(server, documents)
            rate = len(documents) / seconds
            print(f"ingested {len(documents)} documents in {seconds:.1f} s: {rate:.1f}/s")
            memory = ", ".join(f"{name} {value:.0f}" for name, value in server.memory().items())
            print(f"memory in MiB: {memory}")
        load = (server.url, server.key, queries)
        asyncio.run(closed_loop(*load, clients=4, seconds=3))
        one = asyncio.run(closed_loop(*load, clients=1, seconds=options.seconds))
        print(one.line("1 client, closed loop"))
        hundred = asyncio.run(closed_loop(*load, clients=100, seconds=options.seconds))
        print(hundred.line("100 clients, closed loop"))
        users = asyncio.run(
            thinking_users(*load, users=1000, seconds=3 * options.seconds, think_seconds=10)
        )
        print(users.line("1,000 users who think 10 s"))
        memory = ", ".join(f"{name} {value:.0f}" for name, value in server.memory().items())
        print(f"memory in MiB: {memory}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beir", type=Path, help="folder with corpus.jsonl[.gz], queries.jsonl")
    parser.add_argument("--documents", type=int, default=2000, help="made-up documents")
    parser.add_argument("--seconds", type=float, default=10, help="length of each run of load")
    parser.add_argument("--data-dir", type=Path, help="keep the data here, or use what is there")
    parser.add_argument("--ingest", action="store_true", help="ingest into --data-dir first")
    return parser.parse_args()


if __name__ == "__main__":
    main()
