"""Injured PDFs and Word files, by the thousand, through a real server."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil
from tests.chaos.base_documents import base_documents
from tests.chaos.mutation import injure_docx, injure_pdf
from tests.e2e.running import RunningServer, processes_of, running
from tests.seeds import IS_LONG, SEED

FILES = 2_000 if IS_LONG else 32
# What the caches of the server and of its database connections fill first is no growth.
WARM_UP = FILES // 5
WAITING_AT_MOST = 8
MOST_SECONDS = 60
MOST_GROWTH_BYTES = 50 << 20
REFUSED_AT_ONCE = {
    (415, "type_mismatch"),
    (415, "unsupported_type"),
    (422, "corrupt"),
    (422, "document_bomb"),
    (422, "empty_file"),
    (422, "encrypted"),
}
FAILURES = {
    "bad_encoding",
    "corrupt",
    "document_bomb",
    "encrypted",
    "no_text",
    "parser_crashed",
    "parser_timeout",
}


@dataclass
class Outcomes:
    """What became of the files, and what it cost the server."""

    codes: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    growth_bytes: int = 0
    growth_from_first_bytes: int = 0
    wall_seconds: float = 0.0


def injured_files(random: Random) -> dict[str, bytes]:
    """Files by name, each another: the same bytes again would be the same document."""
    bases = list(base_documents().items())
    files: dict[bytes, str] = {}
    while len(files) < FILES:
        name, content = bases[len(files) % len(bases)]
        injure = injure_pdf if name.endswith(".pdf") else injure_docx
        files.setdefault(injure(content, random), f"{len(files)}-{name}")
    return {name: content for content, name in files.items()}


def hand_in(client: httpx.Client, name: str, content: bytes, outcomes: Outcomes) -> None:
    answer = client.post("/api/v1/documents", files={"file": (name, content)})
    if answer.status_code in (200, 202):
        return
    problem = answer.json()
    assert (answer.status_code, problem["code"]) in REFUSED_AT_ONCE, (name, problem)
    assert problem["detail"].endswith("."), problem
    outcomes.codes[f"refused {problem['code']}"] += 1


def wait_for_room(client: httpx.Client, most: int) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while True:
        counts = client.get("/documents", params={"limit": 1}).json()["counts"]
        if counts["pending"] + counts["indexing"] <= most:
            return
        assert time.monotonic() < deadline, counts
        time.sleep(0.05)


def every_document(client: httpx.Client) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/documents", params={"limit": 500, **cursor}).json()
        documents += page["documents"]
        if page["next_cursor"] is None:
            return documents
        cursor = {"cursor": page["next_cursor"]}


def judge(documents: list[dict[str, Any]], outcomes: Outcomes) -> None:
    for document in documents:
        begun, ended = (datetime.fromisoformat(document[at]) for at in ("created_at", "updated_at"))
        outcomes.seconds[document["filename"]] = (ended - begun).total_seconds()
        if document["status"] == "complete":
            outcomes.codes["complete"] += 1
            assert document["chunk_count"] > 0, document
            continue
        assert document["status"] == "failed", document
        failure = document["failure"]
        assert failure["code"] in FAILURES, document
        assert failure["message"].endswith("."), document
        outcomes.codes[f"failed {failure['code']}"] += 1


def drive(server: RunningServer) -> Outcomes:
    outcomes, process = Outcomes(), psutil.Process(server.process.pid)
    begun = time.monotonic()
    warm_bytes, first_bytes = 0, process.memory_info().rss
    with server.client() as client:
        for number, (name, content) in enumerate(injured_files(Random(SEED)).items()):
            if number == WARM_UP:
                warm_bytes = process.memory_info().rss
            wait_for_room(client, WAITING_AT_MOST)
            hand_in(client, name, content, outcomes)
        wait_for_room(client, 0)
        last_bytes = process.memory_info().rss
        outcomes.growth_bytes = last_bytes - warm_bytes
        outcomes.growth_from_first_bytes = last_bytes - first_bytes
        outcomes.wall_seconds = time.monotonic() - begun
        judge(every_document(client), outcomes)
        assert client.get("/health/ready").status_code == 200
    return outcomes


def long_lived(server: RunningServer) -> set[int]:
    """The processes that a restart would replace: the server, its worker and Postgres' own."""
    return {
        process.pid
        for process in processes_of(server.data_dir)
        if "groundwell" in " ".join(process.info["cmdline"])
        and "kreuzberg.child" not in " ".join(process.info["cmdline"])
    }


def test_injured_files_hurt_nobody(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        before = long_lived(server)
        outcomes = drive(server)
        after = long_lived(server)
    slowest = max(outcomes.seconds, key=lambda name: outcomes.seconds[name])
    sys.stdout.write(
        f"{FILES} injured files (seed {SEED}): {dict(sorted(outcomes.codes.items()))}; "
        f"slowest {outcomes.seconds[slowest]:.1f} s ({slowest}), "
        f"all {outcomes.wall_seconds:.0f} s, "
        f"server grew by {outcomes.growth_bytes / (1 << 20):.1f} MB after the first {WARM_UP}, "
        f"by {outcomes.growth_from_first_bytes / (1 << 20):.1f} MB from the first on, "
        f"{len(before - after)} restarts\n"
    )
    assert before <= after
    assert outcomes.seconds[slowest] <= MOST_SECONDS
    assert outcomes.growth_bytes < MOST_GROWTH_BYTES
    # Where every file were refused at once, nothing would have been tried.
    assert outcomes.codes["complete"] > FILES // 10
