"""Many write and many search at once, on the embedded database."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.e2e.running import RunningServer, groundwell, running, wait_until_indexed
from tests.seeds import IS_LONG, SEED

SECONDS = 60.0 if IS_LONG else 5.0
MORE_SECONDS = 120.0
KINDS = {"batch", "upload", "delete", "search"}
WRITERS = SEARCHERS = 8
WORDS = ("bridge", "violin", "glacier", "orchard", "compass", "lantern", "harbour", "beehive")


class Load:
    """Counts what was done, and keeps every answer that is an error."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.done: Counter[str] = Counter()
        self.errors: list[str] = []
        self._lock = threading.Lock()
        self._end = time.monotonic() + SECONDS

    def run(self) -> None:
        with ThreadPoolExecutor(WRITERS + SEARCHERS) as people:
            working = [people.submit(self._write, n) for n in range(WRITERS)]
            working += [people.submit(self._search, n) for n in range(SEARCHERS)]
        for each in working:
            each.result()

    def _goes_on(self) -> bool:
        """Until the time is over and, on a slow machine, everything was done at least once."""
        now = time.monotonic()
        return now < self._end or (set(self.done) != KINDS and now < self._end + MORE_SECONDS)

    def _note(self, what: str, answer: httpx.Response, *expected: int) -> None:
        with self._lock:
            self.done[what] += 1
            if answer.status_code not in expected:
                self.errors.append(f"{what}: {answer.status_code} {answer.text}")

    def _write(self, number: int) -> None:
        dice = random.Random(SEED * 100 + number)
        with self.server.client() as client:
            while self._goes_on():
                # Four ids for two writers each, so that they meet.
                name = f"{number // 2}-{dice.randrange(4)}"
                said = " ".join(dice.choices(WORDS, k=dice.randint(5, 200)))
                action = dice.random()
                if action < 0.5:
                    batch = [{"id": name, "text": f"{name}: {said}"}]
                    self._note("batch", client.post("/documents/batch", json=batch), 202)
                elif action < 0.8:
                    file = {"file": (f"{name}.md", f"# {name}\n\n{said}".encode())}
                    answer = client.post("/documents", files=file, data={"document_id": name})
                    self._note("upload", answer, 200, 202)
                else:
                    self._note("delete", client.delete(f"/documents/{name}"), 204, 404)

    def _search(self, number: int) -> None:
        dice = random.Random(SEED * 200 + number)
        with self.server.client() as client:
            while self._goes_on():
                query = {"query": " ".join(dice.choices(WORDS, k=3))}
                self._note("search", client.post("/api/v1/search", json=query), 200)


@pytest.mark.slow
def test_writers_and_searchers_at_once_meet_no_error_and_leave_the_index_exact(tmp_path: Path):
    with running(tmp_path / "data") as server:
        with server.client() as client:
            first = [{"id": f"first-{n}", "text": f"A {word}."} for n, word in enumerate(WORDS)]
            assert client.post("/documents/batch", json=first).status_code == 202
            load = Load(server)
            load.run()
            counts = wait_until_indexed(client)
        told = json.loads(groundwell(server.data_dir, "doctor", "--json").stdout)
    done = ", ".join(f"{count} {what}" for what, count in sorted(load.done.items()))
    sys.stdout.write(
        f"\nseed {SEED}: {WRITERS} writers and {SEARCHERS} searchers for {SECONDS:.0f} s: {done};"
        f" {len(load.errors)} errors; {counts['complete']} documents, {counts['failed']} failed\n"
    )
    assert load.errors == []
    assert counts["failed"] == 0
    assert [(f["state"], f["message"]) for f in told if f["check"] == "data"] == [
        ("ok", "files by their sizes, index and counts fit")
    ]
    assert set(load.done) == KINDS
