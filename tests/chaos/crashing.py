"""Groundwell's command line, in a process that kills itself at a named place.

It dies by SIGKILL when it comes to the place. The places are functions of the product, which know
nothing of this: each runs as it is, and the process dies just before or just after it. A place that
is no more fails the start, so that no crash point gets lost.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Literal

from tests.chaos.ledger import note_embeddings
from tests.chaos.replacing import Function, replace

# For a chunk: a full step takes longer than a turn of embedding.
_SLOW_SECONDS = 0.035
# An embedding step has 64.
MANY_CHUNKS = 128


def _always(*_: Any) -> bool:  # noqa: ANN401 - whatever the function is given
    return True


@dataclass(frozen=True, slots=True)
class Place:
    """Just before or after an asynchronous function of a module, in a server or worker.

    Calls count for which `when` says so of what the function is given. `needs_long` says that only
    a document of many chunks comes by, `is_slow` that embedding must take long for that.
    """

    role: Literal["server", "worker"]
    side: Literal["before", "after"]
    module: str
    function: str
    when: Callable[..., bool] = _always
    needs_long: bool = False
    is_slow: bool = False


_UPLOADS = "groundwell.apps.library.uploads"
_BLOBS = "groundwell.adapters.blob_store.obstore"
_LEASES = "groundwell.adapters.job_engine.procrastinate.leases"
_ENCODE = ("groundwell.ingestion.encode", "encode_chunks")
_RECEIVE = ("groundwell.store.announced", "receive")

PLACES: dict[str, Place] = {
    # Accepting: the file is on disk, the rows are written, the commit is done.
    "after_blob_fsync": Place("server", "after", _BLOBS, "ObstoreBlobStore.put"),
    "before_accepting_commit": Place("server", "after", _UPLOADS, "_record"),
    "after_accepting_commit": Place("server", "after", _UPLOADS, "accept_upload"),
    # Announced files: the bytes came through the server, or somebody says where they are.
    "before_receiving_commit": Place(
        "server", "after", *_RECEIVE, when=lambda *given: given[3] is not None
    ),
    "before_signal_commit": Place(
        "server", "after", *_RECEIVE, when=lambda *given: given[3] is None
    ),
    # Deleting: the index is cleared, the commit is done and the file still there.
    "mid_delete": Place("server", "after", "groundwell.store.chunks", "remove_chunks"),
    "after_deleting_commit": Place("server", "before", "groundwell.store.blobs", "clear_blobs"),
    # The job of an announced file: fetched, put where it belongs, and not yet taken away.
    "after_staged_fetch": Place(
        "worker",
        "after",
        _BLOBS,
        "ObstoreBlobStore.fetch",
        when=lambda *given: given[1].startswith("uploads/"),
    ),
    "after_move": Place("worker", "after", _BLOBS, "ObstoreBlobStore.put"),
    "before_staged_delete": Place(
        "worker", "before", "groundwell.ingestion.download", "clear_blobs"
    ),
    # The job of a file.
    "after_download": Place(
        "worker",
        "after",
        _BLOBS,
        "ObstoreBlobStore.fetch",
        when=lambda *given: given[1].startswith("sha256/"),
    ),
    "after_parse": Place(
        "worker", "after", "groundwell.adapters.parser.kreuzberg.parser", "KreuzbergParser.parse"
    ),
    "before_text_commit": Place("worker", "after", "groundwell.store.ingestion", "save_parsed"),
    "after_text_commit": Place("worker", "after", "groundwell.ingestion.ingest", "Ingestor.parse"),
    # The job of a text.
    "after_embed": Place("worker", "after", *_ENCODE),
    "between_checkpoints": Place(
        "worker",
        "after",
        "groundwell.ingestion.embed",
        "EmbeddingRun._report",
        when=lambda *given: bool(given[3]) and given[2] < 1,
        needs_long=True,
    ),
    "mid_turn": Place(
        "worker",
        "after",
        "groundwell.ingestion.jobs",
        "take_back_attempt",
        needs_long=True,
        is_slow=True,
    ),
    "after_checkpoint": Place(
        "worker", "after", "groundwell.ingestion.embed", "EmbeddingRun.encode"
    ),
    "mid_upsert": Place("worker", "after", "groundwell.store.chunk_writer", "ChunkWriter.insert"),
    "mid_long_upsert": Place(
        "worker",
        "after",
        "groundwell.store.chunk_writer",
        "ChunkWriter.insert",
        when=lambda *given: len(given[1].chunks) > MANY_CHUNKS,
        needs_long=True,
    ),
    "after_upsert_before_ready": Place(
        "worker", "after", "groundwell.store.chunk_writer", "ChunkWriter.count_terms"
    ),
    "before_ready_commit": Place("worker", "after", "groundwell.store.chunks", "swap_chunks"),
    "after_ready_commit": Place("worker", "after", "groundwell.ingestion.ingest", "Ingestor.index"),
    "before_job_end": Place("worker", "before", _LEASES, "LeasedJobManager.finish_job"),
    # A new version, and new weights after a collection has grown.
    "mid_reindex": Place("worker", "after", "groundwell.store.chunks", "forget_languages"),
    "mid_reweigh": Place("worker", "after", "groundwell.store.reweigh", "reweigh_step"),
}

# Only documents that somebody wants to be told about come here.
CALLBACK_PLACES: dict[str, Place] = {
    "before_event_commit": Place("worker", "after", "groundwell.ingestion.ingest", "announce"),
    "before_call": Place("worker", "before", "groundwell.ingestion.webhooks", "find_waiting"),
    "after_call": Place("worker", "before", "groundwell.ingestion.webhooks", "note_try"),
    "before_end_of_call": Place(
        "worker", "after", "groundwell.ingestion.webhooks", "Webhooks._deliver"
    ),
}


def run(
    place: str | None, count: int, arguments: list[str], variables: Mapping[str, str], log: Path
) -> None:
    """Be the command line, with its output in a file, and die the `count`-th time at the place."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(variables)
    # It was looked up before this process was forked.
    tempfile.tempdir = None
    sys.argv = ["groundwell", *arguments]
    note_embeddings(log.with_name("embeddings.log"))
    if place is not None:
        arm((PLACES | CALLBACK_PLACES)[place], count)
    from groundwell.cli import main as command_line

    command_line()


def arm(place: Place, count: int) -> None:
    """Make this process die the `count`-th time that it comes to the place."""
    if place.is_slow:
        replace(*_ENCODE, _slow)
    replace(place.module, place.function, lambda function: _deadly(function, place, count))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _deadly(function: Function, place: Place, count: int) -> Function:
    visits = 0

    @wraps(function)
    async def visited(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - passes on what it is given
        nonlocal visits
        is_meant = place.when(*given)
        visits += is_meant
        if place.side == "before" and is_meant and visits == count:
            _die()
        result = await function(*given, **named)
        if place.side == "after" and is_meant and visits >= count:
            _die()
        return result

    return visited


def _slow(function: Function) -> Function:
    @wraps(function)
    async def slowed(embedder: Any, centre: Any, placed: Any) -> Any:  # noqa: ANN401 - see above
        await asyncio.sleep(_SLOW_SECONDS * len(placed))
        return await function(embedder, centre, placed)

    return slowed
