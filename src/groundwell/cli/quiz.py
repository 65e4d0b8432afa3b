"""`groundwell quiz`: be asked about files, or about what is stored."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal
from uuid import uuid4

import platformdirs
import typer

from groundwell.cli.client import Client, connect
from groundwell.cli.console import AsJson, DataDir, KeyFile, Url, err, out, print_json
from groundwell.cli.evaluation.interruption import interrupted_by_signals
from groundwell.cli.ingest import IngestRun, find_files, make_progress
from groundwell.cli.questioning import ask_all
from groundwell.domain.errors import StartupError
from groundwell.store.scratch import open_scratch

_GENERATE = "/api/v1/questions/generate"
_EXPORT = "/api/v1/questions/export"
_NAME_CHARACTERS = 8
# Spelt out: the app's own enumeration would bring much with it.
_Mode = Literal["practice", "quiz"]


def quiz(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders; none: what is stored.")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="What to ask about.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Most questions.")] = 10,
    mode: Annotated[
        _Mode, typer.Option(help="With help at hand, or a test with the answers at the end.")
    ] = "practice",
    seed: Annotated[int, typer.Option(min=0, help="Another one asks other questions.")] = 0,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Where to ask; else everywhere.")
    ] = None,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Be asked questions that the documents answer, and see what was right.

    Files are read into a collection of their own, which is gone afterwards, and are private until
    then; without a server, one is started for them. Where nobody can type, the questions are
    printed.
    """
    wish = {"topic": topic, "count": count, "mode": mode, "seed": seed, "collection": collection}
    with (
        interrupted_by_signals(SystemExit),
        _asking_about(files or [], collection, data_dir, url, key_file) as (client, place),
    ):
        found = client.post(_GENERATE, {**wish, "collection": place})
        if as_json:
            print_json(found)
        elif not found["questions"] or not sys.stdin.isatty():
            out.print(client.get_text(_EXPORT, set_id=found["set_id"]), markup=False, end="")
        else:
            ask_all(client, found)


@contextmanager
def _asking_about(
    files: list[Path],
    collection: str | None,
    data_dir: Path | None,
    url: str | None,
    key_file: Path | None,
) -> Iterator[tuple[Client, str | None]]:
    """A server, and the collection to ask about."""
    if not files:
        with connect(data_dir, url, key_file) as client:
            yield client, collection
        return
    if collection is not None:
        raise typer.BadParameter("Files have a collection of their own: leave out --collection.")
    with _some_server(data_dir, url, key_file) as client:
        name = f"quiz-{uuid4().hex[:_NAME_CHARACTERS]}"
        try:
            _read(client, name, files)
            yield client, name
        finally:
            client.delete(f"/api/v1/collections/{name}")


@contextmanager
def _some_server(data_dir: Path | None, url: str | None, key_file: Path | None) -> Iterator[Client]:
    """The server that is meant; where none runs and none was named, one for this quiz alone."""
    try:
        with connect(data_dir, url, key_file) as client:
            client.get("/health/ready")
            yield client
            return
    except StartupError as error:
        if error.code != "no_server" or url is not None:
            raise
    # It is seldom needed, and looks at processes by a library that takes a moment to import.
    from groundwell.cli.evaluation.temporary_server import (  # noqa: PLC0415 - see above
        temporary_server,
    )

    with (
        open_scratch(
            platformdirs.user_cache_path("groundwell", appauthor=False) / "quiz"
        ) as folder,
        temporary_server(folder / "server") as client,
    ):
        yield client


def _read(client: Client, collection: str, files: list[Path]) -> None:
    client.post("/api/v1/collections", {"name": collection})
    with make_progress() as progress:
        run = IngestRun(client, collection, progress, visibility="private")
        run.send_files(find_files(files))
        run.wait()
        summary = run.summary(0.0)
    for problem in (*summary["refused"], *summary["failed"]):
        err.print(f"{problem['file']}: {problem['message']}", style="yellow", markup=False)
    if len(summary["failed"]) == summary["accepted"]:
        err.print("There is nothing to ask about: no file was read.", style="red", markup=False)
        raise typer.Exit(1)
