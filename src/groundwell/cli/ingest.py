"""`groundwell ingest`: files, folders and BEIR corpora."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from groundwell.cli.beir import read_batches
from groundwell.cli.client import Client, ServerError, connect
from groundwell.cli.console import AsJson, DataDir, InCollection, KeyFile, Url, err, out, print_json
from groundwell.domain.documents import DEFAULT_COLLECTION
from groundwell.domain.media_types import MEDIA_TYPE_OF_EXTENSION

_POLL_SECONDS = 0.3
_PAGE = 500
# From then on the server is asked, this often, what the documents wait for.
_STILL_SECONDS = 5.0


def ingest(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders.")] = None,
    beir: Annotated[
        Path | None, typer.Option(help="Folder with a corpus.jsonl[.gz] in BEIR's form.")
    ] = None,
    collection: InCollection = DEFAULT_COLLECTION,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    wait: Annotated[bool, typer.Option(help="Wait until everything is searchable.")] = True,
    as_json: AsJson = False,
) -> None:
    """Bring documents in.

    Running it again picks up where it stopped: what the server has is not ingested twice, and a
    file that has changed replaces its old version. Ends with code 1 if a file is refused or fails.
    """
    if not paths and beir is None:
        raise typer.BadParameter("Name files or folders, or --beir DIR.")
    with connect(data_dir, url, key_file) as client, make_progress() as progress:
        run = IngestRun(client, collection, progress)
        started = time.monotonic()
        if beir is not None:
            run.send_corpus(beir)
        run.send_files(find_files(paths or []))
        if wait:
            run.wait()
        summary = run.summary(time.monotonic() - started)
    if as_json:
        print_json(summary)
    else:
        _report(summary)
    if summary["refused"] or summary["failed"]:
        raise typer.Exit(1)


class IngestRun:
    """One call of the command: what was sent, and what became of it."""

    def __init__(
        self, client: Client, collection: str, progress: Progress, visibility: str | None = None
    ) -> None:
        self._client = client
        self._sharing = {} if visibility is None else {"visibility": visibility}
        self._collection = collection
        self._progress = progress
        self._sent: set[str] = set()
        self._told: set[str] = set()
        self._new = 0
        self._refused: list[dict[str, str]] = []
        self._failed: list[dict[str, str]] = []

    def send_files(self, files: list[Path]) -> None:
        """Upload files one by one; those that are refused are noted."""
        if not files:
            return
        task = self._progress.add_task("Sending", total=len(files))
        for path in files:
            key = str(path.resolve())
            fields = {"collection": self._collection, "key": key, **self._sharing}
            try:
                self._note(self._client.upload(path, fields))
            except ServerError as error:
                if error.code in ("unauthenticated", "insufficient_scope"):
                    raise
                self._refuse(path, error.code, error.detail)
            except OSError as error:
                self._refuse(path, "unreadable", f"The file cannot be read: {error.strerror}.")
            self._progress.advance(task)

    def send_corpus(self, folder: Path) -> None:
        """Send the texts of a BEIR folder in batches."""
        task = self._progress.add_task("Sending", total=None)
        for lines, count in read_batches(folder):
            answer = self._client.post_bytes(
                "/api/v1/documents/batch",
                lines,
                "application/x-ndjson",
                collection=self._collection,
            )
            for document in answer["documents"]:
                self._note(document)
            self._progress.advance(task, count)

    def wait(self) -> None:
        """Follow the collection until nothing in it is waiting any more."""
        total = len(self._sent)
        if not total:
            return
        task = self._progress.add_task("Indexing", total=total)
        last, moved = -1, time.monotonic()
        while True:
            counts = self._client.get("/api/v1/documents", collection=self._collection, limit=1)[
                "counts"
            ]
            waiting = counts["pending"] + counts["indexing"]
            self._progress.update(task, completed=max(0, total - waiting))
            if not waiting:
                break
            if waiting != last:
                last, moved = waiting, time.monotonic()
            elif time.monotonic() - moved > _STILL_SECONDS:
                moved = time.monotonic()
                self._tell_why(waiting)
            time.sleep(_POLL_SECONDS)
        self._collect_failures()

    def _tell_why(self, waiting: int) -> None:
        """Say once what keeps documents from moving; a large file that is being read is nothing."""
        for status in ("indexing", "pending"):
            listed = self._client.get(
                "/api/v1/documents", collection=self._collection, status=status, limit=1
            )["documents"]
            for document in listed:
                message = self._why(document)
                if message is not None and message not in self._told:
                    self._told.add(message)
                    err.print(f"{waiting} documents wait. {message}", markup=False)
                    return

    def _why(self, document: dict[str, Any]) -> str | None:
        try:
            state = self._client.get(
                f"/api/v1/documents/{quote(document['document_id'])}",
                collection=self._collection,
                owner_id=document["access"]["owner_id"],
            )
        except ServerError as error:
            if error.code != "document_not_found":
                raise
            return None
        return None if state["waiting_for"] is None else str(state["waiting_for"]["message"])

    def summary(self, seconds: float) -> dict[str, Any]:
        """What became of everything, as the command prints it."""
        return {
            "collection": self._collection,
            "accepted": len(self._sent),
            "new_or_changed": self._new,
            "refused": self._refused,
            "failed": self._failed,
            "seconds": round(seconds, 3),
        }

    def _refuse(self, path: Path, code: str, message: str) -> None:
        self._refused.append({"file": str(path), "code": code, "message": message})

    def _note(self, accepted: dict[str, Any]) -> None:
        self._sent.add(accepted["document_id"])
        self._new += accepted["is_new_work"]

    def _collect_failures(self) -> None:
        cursor = None
        while True:
            page = self._client.get(
                "/api/v1/documents",
                collection=self._collection,
                status="failed",
                limit=_PAGE,
                cursor=cursor,
            )
            for document in page["documents"]:
                if document["document_id"] in self._sent:
                    failure = document["failure"]
                    self._failed.append({"file": document["filename"], **failure})
            cursor = page["next_cursor"]
            if cursor is None:
                return


def find_files(paths: list[Path]) -> list[Path]:
    """Named files as they are; of folders, the files of known types, hidden ones left out."""
    found: list[Path] = []
    skipped: Counter[str] = Counter()
    for path in paths:
        if not path.exists():
            raise typer.BadParameter(f"There is no file or folder {path}.")
        if path.is_file():
            found.append(path)
            continue
        for file in sorted(path.rglob("*")):
            is_hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
            if not file.is_file() or is_hidden:
                continue
            if file.suffix.lower() in MEDIA_TYPE_OF_EXTENSION:
                found.append(file)
            else:
                skipped[file.suffix or "no suffix"] += 1
    if skipped:
        kinds = ", ".join(f"{count} × {suffix}" for suffix, count in skipped.most_common())
        err.print(f"Left out, not a supported type: {kinds}", style="dim")
    return found


def _report(summary: dict[str, Any]) -> None:
    out.print(
        f"[bold]{_done(summary)}[/] documents in collection [bold]{summary['collection']}[/]"
        f" ({summary['new_or_changed']} new or changed, {summary['seconds']:.1f} s)"
    )
    for kind, style in (("refused", "yellow"), ("failed", "red")):
        for problem in summary[kind]:
            out.print(f"  {kind}  ", style=style, end="")
            out.print(f"{problem['file']}: {problem['message']} ({problem['code']})", markup=False)


def _done(summary: dict[str, Any]) -> int:
    done: int = summary["accepted"] - len(summary["failed"])
    return done


def make_progress() -> Progress:
    """A bar on standard error that is gone at the end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        # In a pipe or a log there is nobody to watch a bar.
        disable=not err.is_terminal,
    )
