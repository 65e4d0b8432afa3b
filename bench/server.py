"""A server of our own for a benchmark, its documents, and how much memory it takes."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    url: str
    key: str
    process: subprocess.Popen[bytes]
    ready_seconds: float

    @property
    def headers(self) -> dict[str, str]:
        """What a request needs to be let in."""
        return {"Authorization": f"Bearer {self.key}"}

    def memory(self) -> dict[str, float]:
        """Mebibytes of server, worker and Postgres: shared pages counted once, and as RSS."""
        distinct = self._processes()
        infos = [process.memory_full_info() for process in distinct]
        return {
            "proportional": sum(info.pss for info in infos) / MEBIBYTE,
            "resident_sum": sum(info.rss for info in infos) / MEBIBYTE,
            "python_resident": sum(
                p.memory_info().rss for p in distinct if "postgres" not in p.name()
            )
            / MEBIBYTE,
        }

    def processor_seconds(self) -> float:
        """What server, worker and Postgres have computed until now, in system and user mode."""
        times = [process.cpu_times() for process in self._processes()]
        return sum(each.user + each.system for each in times)

    def _processes(self) -> list[psutil.Process]:
        root = psutil.Process(self.process.pid)
        processes = [root, *root.children(recursive=True), *_postgres_of(root)]
        return list({process.pid: process for process in processes}.values())


@contextmanager
def running_server(data_dir: Path | None = None, **environment: str) -> Iterator[Server]:
    """Start `groundwell serve` on a free port and stop it at the end."""
    with TemporaryDirectory(prefix="groundwell-bench-") as temporary:
        folder = data_dir or Path(temporary)
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "groundwell", "serve", "--data-dir", folder, "--port", "0"],
            env={**os.environ, "GROUNDWELL_LOAD_SAMPLES": "false", **environment},
            stderr=subprocess.DEVNULL,
        )
        try:
            url = _wait_until_ready(folder, process)
            key = (folder / "owner.key").read_text().strip()
            yield Server(url, key, process, time.perf_counter() - started)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def read_corpus(folder: Path) -> list[dict[str, Any]]:
    """The documents of a BEIR folder, as the batch endpoint takes them."""
    path = folder / "corpus.jsonl.gz"
    data = gzip.decompress(path.read_bytes()) if path.exists() else b""
    data = data or (folder / "corpus.jsonl").read_bytes()
    entries = [json.loads(line) for line in data.splitlines()]
    return [
        {"id": entry["_id"], "title": entry.get("title") or None, "text": entry["text"]}
        for entry in entries
    ]


def read_queries(folder: Path) -> list[str]:
    """The queries of a BEIR folder."""
    # As bytes: other line ends than \n may stand inside a text.
    lines = (folder / "queries.jsonl").read_bytes().splitlines()
    return [json.loads(line)["text"] for line in lines]


def make_corpus(count: int, words: int = 200, seed: int = 7) -> list[dict[str, Any]]:
    """Made-up documents whose words are distributed as in natural text (Zipf)."""
    rng = random.Random(seed)
    vocabulary = _vocabulary(rng)
    weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    documents = []
    for number in range(count):
        drawn = rng.choices(vocabulary, weights, k=words)
        text = ". ".join(" ".join(drawn[i : i + 15]).capitalize() for i in range(0, words, 15))
        documents.append({"id": f"doc-{number}", "title": " ".join(drawn[:6]), "text": f"{text}."})
    return documents


def make_queries(count: int, seed: int = 8) -> list[str]:
    """Made-up queries over the words of `make_corpus`."""
    rng = random.Random(seed)
    vocabulary = _vocabulary(random.Random(7))
    return [" ".join(rng.choices(vocabulary[50:4000], k=4)) for _ in range(count)]


def ingest(
    server: Server,
    documents: list[dict[str, Any]],
    batch: int = 500,
    collection: str = "default",
) -> float:
    """Send documents, wait until all are searchable, return the seconds it took."""
    place = {"collection": collection}
    started = time.perf_counter()
    with httpx.Client(base_url=server.url, headers=server.headers, timeout=120) as http:
        for start in range(0, len(documents), batch):
            http.post(
                "/api/v1/documents/batch", json=documents[start : start + batch], params=place
            ).raise_for_status()
        while True:
            counts = http.get("/api/v1/documents", params={"limit": 1, **place}).json()["counts"]
            if not counts["pending"] + counts["indexing"]:
                break
            time.sleep(0.1)
    seconds = time.perf_counter() - started
    if counts["failed"] or counts["complete"] != len(documents):
        raise SystemExit(f"not all documents were ingested: {counts}")
    return seconds


def _wait_until_ready(folder: Path, process: subprocess.Popen[bytes]) -> str:
    note = folder / "server.json"
    while process.poll() is None:
        try:
            written = json.loads(note.read_text())
            if written["pid"] == process.pid:
                url = str(written["url"])
                if httpx.get(f"{url}/health/ready", trust_env=False).status_code == httpx.codes.OK:
                    return url
        except (OSError, ValueError, httpx.TransportError):
            pass
        time.sleep(0.02)
    raise SystemExit("the server did not start")


def _postgres_of(root: psutil.Process) -> list[psutil.Process]:
    """The embedded Postgres detaches itself; it is known by its data folder."""
    folder = root.cmdline()[root.cmdline().index("--data-dir") + 1]
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "-D" in command and any(folder in part for part in command):
            return [process, *process.children(recursive=True)]
    return []


def _vocabulary(rng: random.Random) -> list[str]:
    syllables = [c + v for c in "bcdfghklmnprstvz" for v in ("a", "e", "i", "o", "u", "ar", "en")]
    return ["".join(rng.choices(syllables, k=rng.randint(2, 4))) for _ in range(30_000)]
