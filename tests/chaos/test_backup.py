"""A backup of a busy server, brought back in another place."""

from __future__ import annotations

import json
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Literal

import httpx
import pytest
from tests.e2e.running import RunningServer, environment, groundwell, running, wait_until_indexed
from tests.seeds import IS_LONG, SEED

from groundwell.store.recovery.archive import partial_name

pytestmark = pytest.mark.slow

THINGS = ("bridge", "violin", "glacier", "orchard", "compass", "lantern", "harbour", "beehive")
PLACES = ("the north", "a small town", "the old valley", "an island", "the capital")
VERBS = ("was built", "was found", "was painted", "was lost", "is repaired")
# Documents that are there, those of one batch of the load, and how many of these must have come
# before the backup begins: it begins while they are ingested.
KEPT, BATCH, BUSY = (500, 100, 500) if IS_LONG else (80, 10, 20)
KEPT_FILE = b"The file that is kept byte for byte."
QUERIES = [f"Which {t} {v} in {p}?" for t in THINGS for v in VERBS for p in PLACES][::4][:50]


def texts(name: str, count: int) -> list[dict[str, str]]:
    return [
        {
            "id": f"{name}-{i}",
            "text": f"Number {i}: the {THINGS[i % 8]} {VERBS[i % 5]} in {PLACES[i // 8 % 5]}, "
            f"and nobody in the year {1500 + i} knew why.",
        }
        for i in range(count)
    ]


def top_ten(client: httpx.Client, query: str) -> list[tuple[str, str]]:
    response = client.post(
        "/api/v1/search", json={"query": query, "collection": "kept", "limit": 10}
    )
    assert response.status_code == 200, response.text
    return [(hit["document_id"], hit["text"]) for hit in response.json()["results"]]


def document_ids(client: httpx.Client, collection: str) -> set[str]:
    found: set[str] = set()
    cursor: str | None = None
    while True:
        parameters = {"collection": collection, "limit": "200"}
        if cursor is not None:
            parameters["cursor"] = cursor
        page = client.get("/documents", params=parameters).json()
        found |= {item["document_id"] for item in page["documents"]}
        cursor = page.get("next_cursor")
        if cursor is None:
            return found


@contextmanager
def under_load(server: RunningServer) -> Iterator[list[str]]:
    """Batches, uploads and deletions for as long as the block runs; yields what was accepted."""
    stop, accepted = Event(), list[str]()

    def work() -> None:
        with server.client() as client:
            round_ = 0
            while not stop.wait(0.3):
                batch = texts(f"busy{round_}", BATCH)
                client.post("/documents/batch", params={"collection": "busy"}, json=batch)
                file = {"file": (f"{round_}.txt", f"The file of round {round_}.".encode())}
                uploaded = client.post("/documents", files=file, data={"collection": "busy"})
                accepted.extend(item["id"] for item in batch)
                identity = uploaded.json()["document_id"]
                if round_ % 2:
                    client.delete(f"/documents/{identity}", params={"collection": "busy"})
                else:
                    accepted.append(identity)
                round_ += 1

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(work)
        try:
            yield accepted
        finally:
            stop.set()
        working.result(timeout=300)


@dataclass(frozen=True, slots=True)
class Saved:
    """An archive, and what the server that it was made of had and answered."""

    archive: Path
    summary: dict[str, Any]
    left_when_killed: list[list[str]]
    key: str
    kept: set[str]
    file_id: str
    before: list[str]
    waiting: int
    answers: list[list[tuple[str, str]]]


def kill_a_backup(folder: Path, archive: Path, phase: Literal["rows", "files"]) -> list[str]:
    """Kill a backup while it copies rows or files; the names of what is left of it.

    One that had come to its end before it was killed is taken away, and the next is killed.
    """
    for _ in range(5):
        begin_and_kill(folder, archive, phase)
        if not archive.exists():
            break
        archive.unlink()
    return names_in(archive.parent)


def begin_and_kill(folder: Path, archive: Path, phase: Literal["rows", "files"]) -> None:
    command = [sys.executable, "-m", "groundwell", "backup", str(archive)]
    killed = subprocess.Popen(command, env=environment(folder), stderr=subprocess.PIPE)
    assert killed.stderr is not None
    if phase == "rows":
        while not partial_name(archive).exists() and not archive.exists():
            assert killed.poll() is None
        time.sleep(random.Random(SEED).uniform(0.0, 0.05))
    else:
        assert b"are copied" in killed.stderr.readline()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stderr.close()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def wait_for_work(client: httpx.Client, seconds: float = 120) -> int:
    """How many documents are not ingested yet, once there are any."""
    ends = time.monotonic() + seconds
    while True:
        counts = client.get("/documents", params={"collection": "busy", "limit": 1}).json()[
            "counts"
        ]
        if waiting := counts["pending"] + counts["indexing"]:
            return int(waiting)
        assert time.monotonic() < ends, counts


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    folder = tmp_path_factory.mktemp("backup")
    archive = folder / "archives" / "saved.tar"
    archive.parent.mkdir()
    with running(folder / "first") as server, server.client() as client:
        client.post("/documents/batch", params={"collection": "kept"}, json=texts("kept", KEPT))
        file = {"file": ("kept.txt", KEPT_FILE)}
        uploaded = client.post("/documents", files=file, data={"collection": "kept"}).json()
        wait_until_indexed(client, "kept")
        with under_load(server) as accepted:
            while len(accepted) < BUSY:
                time.sleep(0.05)
            left = [
                kill_a_backup(folder / "first", archive.with_name("dated.tar"), "rows"),
                kill_a_backup(folder / "first", archive, "files"),
            ]
            before = list(accepted)
            waiting = wait_for_work(client)
            made = groundwell(folder / "first", "backup", str(archive), "--json")
            assert made.returncode == 0, made.stderr
        return Saved(
            archive,
            json.loads(made.stdout),
            left,
            server.key,
            document_ids(client, "kept"),
            uploaded["document_id"],
            before,
            waiting,
            [top_ten(client, query) for query in QUERIES],
        )


def test_a_backup_under_load_is_restored_with_the_same_answers(
    saved: Saved, tmp_path: Path
) -> None:
    restored = groundwell(tmp_path / "second", "restore", str(saved.archive), "--json")
    assert restored.returncode == 0, restored.stderr
    summary = json.loads(restored.stdout)
    with running(tmp_path / "second") as server, server.client() as client:
        assert server.key == saved.key
        counts = wait_until_indexed(client)
        assert document_ids(client, "kept") == saved.kept
        busy = document_ids(client, "busy")
        assert set(saved.before) <= busy
        assert counts["complete"] == saved.summary["documents"] == len(saved.kept) + len(busy)
        content = client.get(f"/documents/{saved.file_id}/content", params={"collection": "kept"})
        assert content.content == KEPT_FILE
        answers = [top_ten(client, query) for query in QUERIES]
        # New work goes well too: sequences, queue, rights.
        client.post("/documents/batch", json=[{"id": "new", "text": "A new start."}])
        assert wait_until_indexed(client)["complete"] == counts["complete"] + 1
    same = sum(new == old for new, old in zip(answers, saved.answers, strict=True))
    came = len(busy) - len(saved.before)
    sys.stdout.write(
        f"\n{summary['documents']} documents, {saved.waiting} of them not ingested when the backup "
        f"began, {came} more came while it ran; top 10 the same for {same} of {len(QUERIES)} "
        f"queries; backup {saved.summary['seconds']} s, restore {summary['seconds']} s "
        f"(seed {SEED})\n"
    )
    assert summary["documents"] >= KEPT + BUSY
    assert same == len(QUERIES) == 50

    again = groundwell(tmp_path / "second", "restore", str(saved.archive))
    assert again.returncode == 1
    assert "in use" in again.stderr


def test_a_backup_that_is_killed_leaves_no_file_and_the_next_one_goes_well(saved: Saved) -> None:
    # The archive that was begun, and nothing of a backup before.
    assert saved.left_when_killed == [
        [".dated.tar.groundwell-partial"],
        [".saved.tar.groundwell-partial"],
    ]
    assert saved.summary["lost_blobs"] == []
    assert names_in(saved.archive.parent) == ["saved.tar"]
    assert stat.S_IMODE(saved.archive.stat().st_mode) == 0o600


def test_a_backup_that_was_cut_off_restores_nothing(saved: Saved, tmp_path: Path) -> None:
    content = saved.archive.read_bytes()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(content[: len(content) // 2])
    refused = groundwell(tmp_path / "other", "restore", str(cut))
    assert refused.returncode == 1
    assert "Nothing was restored." in refused.stderr.replace("\n", " ")
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "other").exists()
