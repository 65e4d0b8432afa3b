"""The checks of `groundwell doctor`."""

from __future__ import annotations

import asyncio
import platform
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

import httpx
import psycopg

from groundwell.bootstrap import make_embedder, make_text_reranker, open_database_url
from groundwell.cli.client import find_server
from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import GroundwellError
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate
from groundwell.settings import Settings, load_settings

_LEAST_FREE_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `advice` says how to mend it."""

    check: str
    state: Literal["ok", "warning", "error"]
    message: str
    advice: str = ""


def examine(data_dir: Path | None) -> Iterator[Finding]:
    """Run all checks, one after another."""
    settings = load_settings(data_dir=data_dir)
    for check in _CHECKS:
        yield from check(settings)


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
        await reranker.rerank(TenantId(UUID(int=0)), question, [passage])
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
    _check_model,
    _check_reranker,
    _check_recognition,
    _check_server,
)
