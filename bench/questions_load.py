"""How long questions take: the first time, again, and when a hundred people ask at once.

python bench/questions_load.py                     the samples
python bench/questions_load.py --beir DIR          a BEIR folder

Asks a server of its own, on the loopback, over HTTP. Topics are titles of the documents. Every
load is 100 requests at once, 25 questions each, with the caches as they are for everybody. Each
line ends with how many questions came, the fewest and the median: a quick answer without questions
is no answer. Each load also tells what a request takes of the processor, server and Postgres
together: other work on the machine changes that less than the seconds. What is asked cold in one
mode was not asked in the other, neither the topics nor, without a topic, the seeds. But the process
keeps what it read of passages, so later lines find more of it.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from server import Server, ingest, read_corpus, running_server

CHAT = "/api/chat/generate-questions"
GENERATE = "/api/v1/questions/generate"
_COUNT = 25
_AT_ONCE = 100
_TOPICS = 20
_AGAIN = 30
_COLD = 4
_COUNTED = re.compile(r"^(\d+) questions?\.", re.MULTILINE)
"""The line of the text that says how many there are; a text without questions has none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The seconds until a set was there, whether it came, and how many questions it has."""

    seconds: float
    is_there: bool
    questions: int


def main() -> None:
    """Run the benchmark and print one line for each kind of request."""
    options = _options()
    loads_samples = {"GROUNDWELL_LOAD_SAMPLES": "true"} if options.beir is None else {}
    with running_server(options.data_dir, **loads_samples) as server:
        if options.beir is None:
            documents = _wait_for_samples(server)
        else:
            documents = read_corpus(options.beir)[:: options.every]
            if options.data_dir is None or options.ingest:
                ingest(server, documents)
            else:
                _change_something(server)
        titles = [document["title"] for document in documents if document["title"]]
        print(f"{len(documents)} documents")
        asyncio.run(_measure(server, list(dict.fromkeys(titles))))


async def _measure(server: Server, topics: Sequence[str]) -> None:
    most = httpx.Limits(max_connections=_AT_ONCE)
    async with httpx.AsyncClient(
        base_url=server.url, headers=server.headers, timeout=120, limits=most, trust_env=False
    ) as http:
        _tell("the very first", [await _ask(http)])
        for place, mode in enumerate(("practice", "quiz")):
            first = place * _COLD
            cold = [
                await _ask(http, mode=mode, topic=topic)
                for topic in topics[::-1][first : first + _COLD]
            ]
            _tell(f"cold, about a topic, {mode}", cold)
            # Seed 0 is the very first one's.
            seeds = range(first + 1, first + 1 + _COLD)
            cold = [await _ask(http, GENERATE, mode=mode, seed=seed) for seed in seeds]
            _tell(f"cold, without a topic, {mode}", cold)
            _tell(f"again, {mode}", [await _ask(http, mode=mode) for _ in range(_AGAIN)][1:])
        again = topics[:_TOPICS]
        loads = {
            "identical": [{"mode": "quiz", "topic": topics[0]}] * _AT_ONCE,
            f"{len(again)} topics": [
                {"mode": "quiz", "topic": again[place % len(again)]} for place in range(_AT_ONCE)
            ],
            "all different": [
                {"mode": "quiz", "topic": topics[_TOPICS + place]}
                for place in range(min(_AT_ONCE, len(topics) - _TOPICS))
            ],
        }
        for name, wishes in loads.items():
            if not wishes:
                continue
            begun, computed = time.perf_counter(), server.processor_seconds()
            taken = await asyncio.gather(*(_ask(http, **wish) for wish in wishes))
            whole = time.perf_counter() - begun
            each = (server.processor_seconds() - computed) / len(wishes)
            told = f"  all in {whole:.1f} s, {each * 1000:.0f} ms of processor each"
            _tell(f"{len(wishes)} at once, {name}", taken, told)


async def _ask(http: httpx.AsyncClient, path: str = CHAT, **wish: object) -> Answer:
    begun = time.perf_counter()
    try:
        response = await http.post(path, json={"count": _COUNT, **wish})
    except httpx.HTTPError:
        return Answer(time.perf_counter() - begun, is_there=False, questions=0)
    seconds = time.perf_counter() - begun
    if response.status_code != httpx.codes.OK:
        return Answer(seconds, is_there=False, questions=0)
    return Answer(seconds, is_there=True, questions=_count(response.json()))


def _count(answer: dict[str, Any]) -> int:
    """How many questions an answer of either address has."""
    if "questions" in answer:
        return len(answer["questions"])
    counted = _COUNTED.search(answer["response"])
    return int(counted[1]) if counted else 0


def _tell(name: str, answers: Sequence[Answer], further: str = "") -> None:
    seconds = sorted(answer.seconds for answer in answers)
    p95 = seconds[min(len(seconds) - 1, round(0.95 * len(seconds)))]
    errors = sum(not answer.is_there for answer in answers)
    counts = [answer.questions for answer in answers if answer.is_there] or [0]
    print(
        f"{name:<34} {len(answers):>4} requests  p50 {statistics.median(seconds) * 1000:>7.0f}  "
        f"p95 {p95 * 1000:>7.0f}  max {seconds[-1] * 1000:>7.0f} ms  {errors} errors  "
        f"questions {min(counts)} / {statistics.median(counts):g}{further}",
        flush=True,
    )


def _change_something(server: Server) -> None:
    """Add a document: what a run before has left in the cache is then of another version."""
    note = {"id": f"note-{time.time_ns()}", "text": "Nothing to ask about."}
    with httpx.Client(base_url=server.url, headers=server.headers, trust_env=False) as http:
        http.post("/api/v1/documents/batch", json=[note]).raise_for_status()
        while http.get(f"/api/v1/documents/{note['id']}").json()["status"] != "complete":
            time.sleep(0.1)


def _wait_for_samples(server: Server) -> list[dict[str, Any]]:
    place = {"collection": "sample", "limit": "100"}
    with httpx.Client(base_url=server.url, headers=server.headers, trust_env=False) as http:
        while True:
            listed = http.get("/api/v1/documents", params=place).json()
            counts = listed.get("counts", {})
            if counts.get("complete") and not counts["pending"] + counts["indexing"]:
                return list(listed["documents"])
            time.sleep(0.5)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--beir", type=Path, help="folder with corpus.jsonl; else the samples")
    parser.add_argument("--every", type=int, default=1, help="take every n-th document only")
    parser.add_argument("--data-dir", type=Path, help="where the server keeps its data")
    parser.add_argument("--ingest", action="store_true", help="ingest into --data-dir")
    return parser.parse_args()


if __name__ == "__main__":
    main()
