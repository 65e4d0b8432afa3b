"""Where an evaluation keeps what it has, so that it can be cut off and go on."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from groundwell.cli.console import err
from groundwell.domain.errors import StartupError
from groundwell.domain.evaluation import Configuration

_NAME_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server found for one query: documents, best first, and what was left out."""

    query_id: str
    ranking: tuple[str, ...]
    degraded: tuple[str, ...] = ()


class AnswerFile:
    """The answers under one configuration, one line each, written as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Answer]:
        """What was answered before, by query."""
        found: dict[str, Answer] = {}
        if not self._path.exists():
            return found
        for line in self._path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                # The last line of a run that was killed while it wrote: that query is asked again.
                continue
            found[entry["query"]] = Answer(
                entry["query"], tuple(entry["ranking"]), tuple(entry["degraded"])
            )
        return found

    def append(self, answer: Answer) -> None:
        """Keep one more answer."""
        entry = {
            "query": answer.query_id,
            "ranking": answer.ranking,
            "degraded": answer.degraded,
        }
        # A line of its own even after half a line.
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(entry)}")


@dataclass(slots=True)
class WorkFolder:
    """A folder of one evaluation: the temporary server's data, and the answers so far."""

    path: Path
    is_temporary: bool
    has_begun: bool = field(default=False)

    @property
    def server_folder(self) -> Path:
        """The data folder of the temporary server."""
        return self.path / "server"

    def answers(self, options: Configuration) -> AnswerFile:
        """The answers under a configuration."""
        return AnswerFile(self.path / f"answers-{_digest(options)}.jsonl")

    def adopt(self, identity: object) -> None:
        """Forget answers that belong to anything else: another server, corpus or version."""
        note = self.path / "evaluation.json"
        wanted = _digest(identity)
        if not note.exists() or note.read_text(encoding="utf-8") != wanted:
            self.forget_answers()
            note.write_text(wanted, encoding="utf-8")

    def forget_answers(self) -> None:
        """Remove all answers. What is asked after this is asked of the server."""
        for file in self.path.glob("answers-*.jsonl"):
            file.unlink()


def cache_folder() -> Path:
    """Where the folders are that were not chosen."""
    return platformdirs.user_cache_path("groundwell", appauthor=False) / "evals"


@contextmanager
def open_work_folder(chosen: Path | None, identity: object) -> Iterator[WorkFolder]:
    """The folder that was chosen, or one in the user's cache that belongs to this evaluation.

    After a good end the answers are forgotten, since a later run is to measure anew; a folder
    that was not chosen is removed. After an interruption everything stays, and the same command
    goes on from there. Raises StartupError while another evaluation uses the folder.
    """
    path = chosen or cache_folder() / _digest(identity)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with (path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            work = WorkFolder(path, is_temporary=chosen is None)
            work.adopt(identity)
            yield from _use(work)
    except BlockingIOError as error:
        raise StartupError(
            f"Another evaluation works in {path}. Wait for it, or name another folder with --work.",
            code="work_folder_taken",
        ) from error


def _use(work: WorkFolder) -> Iterator[WorkFolder]:
    is_finished = False
    try:
        yield work
        is_finished = True
    finally:
        if is_finished:
            work.forget_answers()
        if work.is_temporary and (is_finished or not work.has_begun):
            shutil.rmtree(work.path, ignore_errors=True)
        elif not is_finished and work.has_begun:
            err.print(
                f"What was done so far is kept in {work.path}. Run the same command to go on.",
                markup=False,
            )


def _digest(value: Any) -> str:  # noqa: ANN401 - anything that JSON can hold
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_NAME_CHARACTERS]
