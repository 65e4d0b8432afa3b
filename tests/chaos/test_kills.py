"""Server, worker and Postgres are killed while documents come in: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import psycopg
import pytest
from tests.chaos.crashing import CALLBACK_PLACES, MANY_CHUNKS, PLACES
from tests.chaos.executioner import KINDS, Executioner, round_of_places
from tests.chaos.installation import Installation, Role, installation
from tests.chaos.ledger import read_ledger
from tests.chaos.traffic import Traffic
from tests.seeds import IS_LONG, SEED

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.bootstrap import open_database_url
from groundwell.domain.chunks import chunk_id_for
from groundwell.domain.documents import DocumentUid
from groundwell.settings import Settings
from groundwell.store.database import Database, owner_options
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.recovery.mend import mend
from groundwell.store.recovery.survey import OutOfStep, survey

pytestmark = pytest.mark.slow

TERMINAL_SECONDS = 120
# For what comes a moment after the last document is complete.
SETTLE_SECONDS = 60
# A run of fewer shows less than the test says.
LEAST_KILLS, LEAST_DOCUMENTS = (200, 1000) if IS_LONG else (20, 100)
ROUNDS, RANDOM_KILLS, MOST_SECONDS = (5, 110, 5400) if IS_LONG else (1, len(KINDS), 2700)
# Chunks are short, so that many of them cost little.
SETTINGS = 'chunking = "recursive"\n'


@dataclass(frozen=True, slots=True)
class Index:
    """What the database holds at the end, seen by its owner."""

    chunks: int
    most_of_one: int
    duplicates: int
    foreign_ids: int
    without_vector: int
    without_bits: int
    without_terms: int
    vectors_without_chunk: int
    terms_without_chunk: int
    inactive_versions: int
    leftover_steps: int
    waiting_jobs: int


_INDEX = """
    SELECT (SELECT count(*) FROM chunks),
           (SELECT max(chunk_count) FROM documents),
           (SELECT count(*) - count(DISTINCT (document_uid, ordinal)) FROM chunks),
           0,
           (SELECT count(*) FROM chunks c LEFT JOIN {space} v ON v.chunk_id = c.id
            WHERE v.embedding IS NULL),
           (SELECT count(*) FROM {space} WHERE coalesce(length(token_bits), 0) = 0),
           (SELECT count(*) FROM chunks c LEFT JOIN chunk_terms t ON t.chunk_id = c.id
            WHERE t.term_weights IS NULL),
           (SELECT count(*) FROM {space} v WHERE NOT EXISTS
            (SELECT FROM chunks c WHERE c.id = v.chunk_id)),
           (SELECT count(*) FROM chunk_terms t WHERE NOT EXISTS
            (SELECT FROM chunks c WHERE c.id = t.chunk_id)),
           (SELECT count(*) FROM chunks c JOIN documents d ON d.uid = c.document_uid
            WHERE c.version_id IS DISTINCT FROM d.active_version_id),
           (SELECT count(*) FROM embedding_checkpoints),
           (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')
            -- Announced files are asked for once more when their hour is over.
            AND task_name <> 'upload_deadline')
"""


@contextmanager
def owner_of(data_dir: Path) -> Iterator[psycopg.Connection]:
    """A connection of the owner, who passes by row-level security as a superuser."""
    server = EmbeddedPostgres.open(data_dir / "postgres")
    try:
        with psycopg.connect(server.url, options=owner_options(), autocommit=True) as owner:
            yield owner
    finally:
        server.close()


def look_at_index(data_dir: Path) -> Index:
    deadline = time.monotonic() + SETTLE_SECONDS
    with owner_of(data_dir) as owner:
        (space,) = owner.execute("SELECT id FROM embedding_spaces WHERE state = 'active'")
        while True:
            row = owner.execute(_INDEX.format(space=f"space_{space[0]}")).fetchone()
            assert row is not None
            # A job is over a moment after its document, or begins once more after its lease.
            if not any(row[2:]) or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        keys = owner.execute("SELECT id, version_id, ordinal FROM chunks").fetchall()
    foreign = sum(str(key) != str(chunk_id_for(version, number)) for key, version, number in keys)
    return Index(*row[:3], foreign, *row[4:])


def states(own: Installation) -> dict[str, str]:
    """The state of every document, by id."""
    found: dict[str, str] = {}
    cursor: dict[str, str] = {}
    with own.client() as client:
        while True:
            page = client.get("/documents", params={"limit": 500, **cursor}).json()
            found |= {each["document_id"]: each["status"] for each in page["documents"]}
            if page.get("next_cursor") is None:
                return found
            cursor = {"cursor": page["next_cursor"]}


def wait_until_all_are_finished(own: Installation, seconds: float) -> float:
    """Seconds from the last start until no document waits."""
    with own.client() as client:
        while True:
            counts = client.get("/documents", params={"limit": 1}).json()["counts"]
            taken = time.monotonic() - own.started_at
            if not counts["pending"] + counts["indexing"]:
                return taken
            assert taken < seconds, (counts, own.log("worker"))
            time.sleep(0.1)


def try_again(own: Installation) -> int:
    """Retry what was given up because three workers died of it; other failures are faults."""
    failed = [key for key, state in states(own).items() if state == "failed"]
    with own.client() as client:
        for key in failed:
            document = client.get(f"/documents/{key}").json()
            assert document["failure"]["code"] == "ingestion_failed", document
            assert client.post(f"/documents/{key}/retry").status_code == 202
    return len(failed)


def lost(own: Installation, traffic: Traffic) -> list[str]:
    """Acknowledged documents that are not there with their newest text, or that came back."""
    wrong = []
    with own.client() as client:
        for key, mark in traffic.acknowledged.items():
            answer = client.get(f"/documents/{key}/text")
            if answer.status_code != 200 or mark not in answer.json()["text"]:
                wrong.append(key)
        wrong += [k for k in traffic.deleted if client.get(f"/documents/{k}").status_code != 404]
    return wrong


def files_that_stay(own: Installation) -> list[Path]:
    """Files that nobody asked to keep, and that nobody takes away either."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while passing := own.passing_files():
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return passing


async def survey_and_mend(data_dir: Path) -> tuple[OutOfStep, OutOfStep]:
    """What is out of step when an hour has passed since all was done, and what after mending."""
    for path in (data_dir / "blobs").rglob("*"):
        os.utime(path, (0, 0))
    async with AsyncExitStack() as stack:
        url = await open_database_url(Settings(data_dir=data_dir), stack)
        database = Database(url, min_size=1, max_size=1)
        await database.open()
        stack.push_async_callback(database.close)
        blobs = ObstoreBlobStore.in_folder(data_dir / "blobs")
        found = await survey(database, blobs)
        await mend(database, blobs, _queue_nothing, found)
        return found, await survey(database, blobs)


async def _queue_nothing(_: object, __: object, uids: Sequence[DocumentUid]) -> None:
    assert not uids


def test_each_place_is_a_function_of_the_product():
    for place in (PLACES | CALLBACK_PLACES).values():
        assert callable(attrgetter(place.function)(import_module(place.module)))


def test_nothing_that_was_acknowledged_is_lost_when_any_process_is_killed(tmp_path: Path):
    dice, begun = random.Random(SEED), time.monotonic()
    kinds = [KINDS[n % len(KINDS)] for n in range(RANDOM_KILLS)]
    dice.shuffle(kinds)
    places: dict[Role, deque[str]] = {
        "server": round_of_places(dice, "server", ROUNDS),
        "worker": round_of_places(dice, "worker", ROUNDS),
    }
    with installation(tmp_path / "data", SETTINGS) as own:
        traffic = Traffic(own, SEED)
        executioner = Executioner(own, traffic, dice, places)
        with traffic.running():
            executioner.run(kinds, MOST_SECONDS)
            killing = time.monotonic() - begun
            while not traffic.is_idle:
                traffic.raise_what_went_wrong()
                time.sleep(0.05)
        seconds = wait_until_all_are_finished(own, TERMINAL_SECONDS)
        again = try_again(own)
        wait_until_all_are_finished(own, TERMINAL_SECONDS + killing)
        found = states(own)
        missing = lost(own, traffic)
        index = look_at_index(own.data_dir)
        passing = files_that_stay(own)
        out_of_step, mended = asyncio.run(survey_and_mend(own.data_dir))
    kills, ledger = executioner.kills, read_ledger(own.data_dir / "embeddings.log")
    sys.stdout.write(
        f"\nseed {SEED}: {executioner}; {traffic}: {len(missing)} lost, {index.duplicates}"
        f" duplicate chunks of {index.chunks}, {index.most_of_one} of one document at most;"
        f" {ledger}; {len(out_of_step.unused_blobs)} files of no document,"
        f" {len(mended.unused_blobs)} after mending, {len(passing)} temporary files;"
        f" all finished {seconds:.1f} s after the last"
        f" start, {again} documents given up after three kills and then retried;"
        f" {killing:.0f} s of killing, {time.monotonic() - begun:.0f} s in all\n"
    )
    assert missing == []
    assert passing == []
    assert found == dict.fromkeys(traffic.acknowledged, "complete")
    assert index == Index(index.chunks, index.most_of_one, *[0] * 10)
    assert index.most_of_one > MANY_CHUNKS
    assert ledger.paid_twice == 0
    assert out_of_step == OutOfStep(unused_blobs=out_of_step.unused_blobs)
    assert mended == OutOfStep()
    assert set(PLACES) <= set(kills)
    assert {f"{kind} at any moment" for kind in KINDS} <= set(kills)
    assert sum(kills.values()) >= LEAST_KILLS
    assert len(traffic.acknowledged) + len(traffic.deleted) >= LEAST_DOCUMENTS
