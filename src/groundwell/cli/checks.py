"""The checks of `groundwell doctor`."""

from __future__ import annotations

import asyncio
import platform
import shutil
import stat
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import httpx
import psycopg

from groundwell.bootstrap import (
    count_abandoned,
    make_embedder,
    make_malware_scanner,
    make_text_reranker,
    open_database_url,
)
from groundwell.cli.console import err
from groundwell.cli.destination import find_server
from groundwell.cli.reconciliation import describe, look, read_all, repair
from groundwell.domain.chunks import ChunkId
from groundwell.domain.errors import GroundwellError
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate
from groundwell.settings import Settings, load_settings
from groundwell.store.recovery.survey import OutOfStep

_LEAST_FREE_BYTES = 2 << 30
_MEND = "Run `groundwell doctor --repair`; a server may run."


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `advice` says how to mend it."""

    check: str
    state: Literal["ok", "warning", "error"]
    message: str
    advice: str = ""


def examine(data_dir: Path | None, *, reads_all: bool = False) -> Iterator[Finding]:
    """Run all checks, one after another. With `reads_all`, read all files and texts as well."""
    settings = load_settings(data_dir=data_dir)
    for check in _CHECKS:
        yield from check(settings)
    if reads_all:
        yield from _check_contents(settings)


def mend_data(data_dir: Path | None, *, reads_all: bool = False) -> Iterator[Finding]:
    """Mend what the check of the data found, as far as that loses nothing."""
    done = asyncio.run(repair(load_settings(data_dir=data_dir), reads_all=reads_all))
    for sentence in done or ["There was nothing to mend."]:
        yield Finding("repair", "ok", sentence)


def _check_system(settings: Settings) -> Iterator[Finding]:
    del settings
    yield Finding(
        "python", "ok", f"{platform.python_version()} at {sys.executable}, {platform.machine()}"
    )


def _check_data_dir(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        yield Finding(
            "data folder",
            "error",
            f"{folder} cannot be written: {error.strerror}.",
            "Choose another one with --data-dir or GROUNDWELL_DATA_DIR.",
        )
        return
    free = shutil.disk_usage(folder).free
    text = f"{folder}, {free / (1 << 30):.1f} GiB free"
    if free < _LEAST_FREE_BYTES:
        yield Finding("data folder", "warning", text, "Make room: less than 2 GiB is little.")
    else:
        yield Finding("data folder", "ok", text)
    if abandoned := count_abandoned(settings):
        yield Finding(
            "scratch",
            "warning",
            f"Processes that were killed have left files: {abandoned}.",
            "They go when a server or worker starts, or with `groundwell doctor --repair`.",
        )
    for name in ("owner.key", "secret.key"):
        path = folder / name
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding("keys", "error", f"Others can read {path}.", f"Run: chmod 600 '{path}'")


def _check_database(settings: Settings) -> Iterator[Finding]:
    async def version() -> str:
        async with AsyncExitStack() as stack:
            url = await open_database_url(settings, stack)
            with psycopg.connect(url, connect_timeout=5) as connection:
                row = connection.execute(
                    "SELECT current_setting('server_version'), (SELECT default_version"
                    " FROM pg_available_extensions WHERE name = 'vector')"
                ).fetchone()
        assert row is not None, "a SELECT of two values gives a row"
        if row[1] is None:
            raise psycopg.OperationalError("the extension pgvector is not installed there")
        return f"PostgreSQL {row[0]}, pgvector {row[1]}"

    kind = "embedded" if settings.database_url is None else "DATABASE_URL"
    try:
        yield Finding("database", "ok", f"{asyncio.run(version())} ({kind})")
    except (GroundwellError, psycopg.Error, OSError) as error:
        advice = (
            "See the log in the data folder under postgres/log."
            if settings.database_url is None
            else "Check DATABASE_URL; the server must be Postgres 16 or newer with pgvector 0.8."
        )
        message = " ".join(str(error).split())
        yield Finding("database", "error", message, advice)


def _check_step(settings: Settings) -> Iterator[Finding]:
    return _check_data(settings, "data", look, "files by their sizes, index and counts fit")


def _check_contents(settings: Settings) -> Iterator[Finding]:
    def read(settings: Settings) -> Awaitable[OutOfStep | None]:
        return read_all(settings, partial(err.print, markup=False))

    return _check_data(settings, "contents", read, "all files and texts are what was stored")


def _check_data(
    settings: Settings,
    check: str,
    look: Callable[[Settings], Awaitable[OutOfStep | None]],
    good: str,
) -> Iterator[Finding]:
    async def looked() -> OutOfStep | None:
        return await look(settings)

    try:
        found = asyncio.run(looked())
    except (GroundwellError, psycopg.Error, OSError) as error:
        message = " ".join(str(error).split())
        yield Finding(check, "error", f"Whether all is in step is not known: {message}")
        return
    sentences = [] if found is None else list(describe(found))
    for sentence, is_mendable in sentences:
        advice = _MEND if is_mendable else "Upload these files again, or restore a backup."
        yield Finding(check, "warning", sentence, advice)
    if not sentences:
        yield Finding(check, "ok", "nothing is ingested yet" if found is None else good)


def _check_model(settings: Settings) -> Iterator[Finding]:
    try:
        embedder = make_embedder(settings)
    except GroundwellError as error:
        yield Finding("model", "error", error.detail, "Run `make setup`, which fetches it.")
        return
    asyncio.run(embedder.close())
    yield Finding(
        "model", "ok", f"{embedder.model}, {embedder.dimension} dimensions, {settings.embedder}"
    )


def _check_reranker(settings: Settings) -> Iterator[Finding]:
    if settings.reranker in {"none", "late_interaction"}:
        if settings.reranker == "late_interaction" and settings.embedder != "openvino":
            yield Finding(
                "reranker",
                "warning",
                f"late_interaction needs the openvino embedder, not {settings.embedder}: searches "
                "are not reranked.",
                "Set GROUNDWELL_RERANKER to cross_encoder, http or none.",
            )
        else:
            yield Finding("reranker", "ok", settings.reranker)
        return
    try:
        asyncio.run(_try_reranker(settings))
    except GroundwellError as error:
        yield Finding(
            "reranker", "error", error.detail, "Check the settings that begin with reranker."
        )
        return
    yield Finding("reranker", "ok", f"{settings.reranker_model}, {settings.reranker}")


async def _try_reranker(settings: Settings) -> None:
    reranker = make_text_reranker(settings)
    try:
        question = AnalysedQuery("What is a bridge?", (), None)
        passage = Candidate(ChunkId(""), "A bridge leads over a river.")
        await reranker.rerank(question, [passage])
    finally:
        await reranker.close()


def _check_recognition(settings: Settings) -> Iterator[Finding]:
    del settings
    if shutil.which("tesseract"):
        yield Finding("tesseract", "ok", "scanned PDFs can be read")
    else:
        yield Finding(
            "tesseract",
            "warning",
            "Tesseract is not installed: scanned PDFs will fail with no_text.",
            "Install it: apt install tesseract-ocr, or brew install tesseract.",
        )


def _check_scanner(settings: Settings) -> Iterator[Finding]:
    try:
        scanner = make_malware_scanner(settings)
    except GroundwellError as error:
        yield Finding("malware", "error", error.detail, "Mend the setting malware_scanner.")
        return
    if scanner is None:
        yield Finding("malware", "ok", "no scanner is set: documents are not scanned")
    elif asyncio.run(scanner.is_available()):
        yield Finding("malware", "ok", f"the scanner answers at {settings.malware_scanner}")
    else:
        yield Finding(
            "malware",
            "error",
            f"No scanner answers at {settings.malware_scanner}: new documents wait for it.",
            "Start clamd, or check TCPSocket, LocalSocket and its rights in clamd.conf.",
        )


def _check_server(settings: Settings) -> Iterator[Finding]:
    address = find_server(settings.data_dir)
    if address is None:
        yield Finding("server", "ok", "not running (start it with `groundwell serve`)")
        return
    try:
        health = httpx.get(f"{address}/health", timeout=5, trust_env=False).json()
        yield Finding("server", "ok", f"{address}, {health['status']}")
    except (httpx.HTTPError, ValueError, KeyError) as error:
        yield Finding("server", "warning", f"{address} does not answer: {error}", "Start it again.")


_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _check_system,
    _check_data_dir,
    _check_database,
    _check_step,
    _check_model,
    _check_reranker,
    _check_recognition,
    _check_scanner,
    _check_server,
)
