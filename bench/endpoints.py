"""Latencies of the context endpoints, by their stages and end to end through HTTP.

    python bench/endpoints.py [--beir DIR] [--documents N] [--requests N] [--seconds N]

A server of its own holds documents of 20 users: made-up ones, or those of a BEIR folder. One
client sends each request N times, always with another text; the stages are what `Server-Timing`
says, or `timings_ms` in the answer. Then 100 clients search at once: in bursts (100 requests at the
same moment, the next burst when all are answered), as users who think two seconds, and in a closed
loop, which is as much as the server can do. Goals, for the median and the 95th percentile alike:
embedding 100 ms, hybrid search 200 ms, reranking 20 texts of 60 words 150 ms, collecting context
by either endpoint 500 ms, search at 100 concurrent requests 400 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from load import Connection, Outcome, closed_posts, thinking_posts
from made_up_text import Language
from server import Server, ingest, read_corpus, read_queries, running_server

COLLECTION = "context"
USERS = 20
CLIENTS = 100
WORDS, CANDIDATES = 60, 20
GOALS = {
    "embeddings/generate": 100,
    "search/hybrid": 200,
    "rerank": 150,
    "rag/query": 500,
    "context": 500,
}
CONCURRENT_GOAL = 400
_STAGE = re.compile(r"(\w+);dur=([\d.]+)")
_CONTENT_TYPES = ("workout", "goal", "conversation", "progress")

Body = dict[str, Any]


def request_bodies(
    texts: Sequence[str], queries: Sequence[str], count: int
) -> dict[str, list[Body]]:
    """Requests to each endpoint, no two of them alike."""
    short = [" ".join(text.split()[:WORDS]) for text in texts if len(text.split()) >= WORDS]

    def asked(number: int) -> Body:
        return {"query": queries[number % len(queries)], "user_id": _user(number)}

    return {
        "embeddings/generate": [
            {
                "text": f"{short[n % len(short)]} {n}",
                "user_id": _user(n),
                "content_type": _CONTENT_TYPES[n % 4],
            }
            for n in range(count)
        ],
        "search/hybrid": [asked(n) for n in range(count)],
        "rerank": [
            {**asked(n), "candidates": [short[(n * 7 + i) % len(short)] for i in range(CANDIDATES)]}
            for n in range(count)
        ],
        "rag/query": [asked(n) for n in range(count)],
        "context": [
            {"query": queries[n % len(queries)], "collection": COLLECTION} for n in range(count)
        ],
    }


def time_endpoint(server: Server, path: str, bodies: Sequence[Body]) -> None:
    """Print one client's latencies, and below them those of the stages."""
    whole: list[float] = []
    stages: dict[str, list[float]] = defaultdict(list)
    with httpx.Client(base_url=server.url, headers=server.headers, timeout=60) as http:
        for number, body in enumerate(bodies):
            begun = time.perf_counter()
            response = http.post(f"/api/v1/{path}", json=body)
            took = (time.perf_counter() - begun) * 1000
            response.raise_for_status()
            if number < 5:
                continue
            whole.append(took)
            for stage, milliseconds in _stages_of(response):
                stages[stage].append(milliseconds)
    print(f"{path:<34} {_shown(whole)}   goal {GOALS[path]} ms")
    for stage, values in stages.items():
        print(f"  {stage:<32} {_shown(values)}")


async def bursts(server: Server, path: str, bodies: Sequence[bytes], rounds: int) -> list[float]:
    """Milliseconds of requests that are sent 100 at the same moment, on open connections."""
    connections = [Connection(server.url, server.key) for _ in range(CLIENTS)]
    latencies: list[float] = []

    async def send(connection: Connection, body: bytes) -> None:
        begun = time.perf_counter()
        status = await connection.post(path, body)
        latencies.append((time.perf_counter() - begun) * 1000)
        assert status == 200, f"{path} answered {status}"

    for number in range(rounds + 1):
        chosen = [bodies[(number * CLIENTS + n) % len(bodies)] for n in range(CLIENTS)]
        await asyncio.gather(*map(send, connections, chosen))
        if number == 0:
            latencies.clear()
    for connection in connections:
        await connection.close()
    return latencies


def time_many(server: Server, bodies: Sequence[Body], seconds: float) -> None:
    """Print the latencies of 100 clients that search at once."""
    path = "/api/v1/search/hybrid"
    encoded = [json.dumps(body).encode() for body in bodies]
    target = (server.url, server.key, path, encoded)
    at_once = asyncio.run(bursts(server, path, encoded, rounds=15))
    print(f"{'bursts of 100 searches':<34} {_shown(at_once)}   goal {CONCURRENT_GOAL} ms")
    runs: list[tuple[str, Outcome]] = [
        ("100 users who think 2 s", asyncio.run(thinking_posts(*target, CLIENTS, seconds, 2.0))),
        ("100 clients, closed loop", asyncio.run(closed_posts(*target, CLIENTS, seconds))),
    ]
    for name, outcome in runs:
        print(outcome.line(name))


def _stages_of(response: httpx.Response) -> list[tuple[str, float]]:
    named = _STAGE.findall(response.headers.get("server-timing", ""))
    answer = response.json()
    named += answer.get("timings_ms", {}).items()
    return [(stage, float(milliseconds)) for stage, milliseconds in named]


def _shown(values: Sequence[float]) -> str:
    p50, p95 = np.percentile(values, [50, 95])
    return f"p50 {p50:>7.1f}   p95 {p95:>7.1f} ms"


def _user(number: int) -> str:
    return f"user-{number % USERS}"


def _documents(options: argparse.Namespace) -> tuple[list[Body], list[str]]:
    """Documents that belong to users, and queries."""
    if options.beir is not None:
        corpus, queries = read_corpus(options.beir), read_queries(options.beir)
    else:
        language = Language(topics=40, parts=10)
        made = [language.document(number) for number in range(options.documents)]
        corpus = [{"id": f"doc-{d.number}", "title": d.title, "text": d.text} for d in made]
        queries = [language.query(number)[0] for number in range(1000)]
    owned = [
        {**item, "metadata": {"user_id": _user(n), "content_type": _CONTENT_TYPES[n % 4]}}
        for n, item in enumerate(corpus[: options.documents])
    ]
    return owned, queries


def main() -> None:
    """Run the benchmark and print its figures."""
    options = _options()
    documents, queries = _documents(options)
    texts = [str(item["text"]) for item in documents]
    with running_server() as server:
        ingest(server, documents, collection=COLLECTION)
        bodies = request_bodies(texts, queries, options.requests)
        for path, of_path in bodies.items():
            time_endpoint(server, path, of_path)
        time_many(server, bodies["search/hybrid"], options.seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--beir", type=Path, help="folder with corpus.jsonl[.gz], queries.jsonl")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=200, help="to each endpoint")
    parser.add_argument("--seconds", type=float, default=10, help="of each run of load")
    return parser.parse_args()


if __name__ == "__main__":
    main()
