"""Reading a corpus in BEIR's form: `corpus.jsonl` or `corpus.jsonl.gz` (Thakur et al. 2021)."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import orjson

from groundwell.domain.errors import InvalidInputError, NotFoundError

_ID_CHARACTERS = 200
_TITLE_CHARACTERS = 1000

_BATCH_DOCUMENTS = 500
_BATCH_BYTES = 4 << 20


def read_batches(folder: Path) -> Iterator[tuple[bytes, int]]:
    """The corpus as JSON lines for the batch endpoint, some hundred documents at a time.

    Raises NotFoundError without a corpus, InvalidInputError that names file and line of a mistake.
    Everything is read once before the first batch is given, so that nothing is sent by halves.
    Documents without any text, which some corpora hold, are left out.
    """
    path = _find_corpus(folder)
    _check_all(path)
    lines: list[bytes] = []
    size = 0
    for _, line in _read_lines(path):
        if lines and (len(lines) >= _BATCH_DOCUMENTS or size + len(line) > _BATCH_BYTES):
            yield b"\n".join(lines), len(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield b"\n".join(lines), len(lines)


def _find_corpus(folder: Path) -> Path:
    for name in ("corpus.jsonl", "corpus.jsonl.gz"):
        if (folder / name).is_file():
            return folder / name
    raise NotFoundError(f"There is no corpus.jsonl or corpus.jsonl.gz in {folder}.")


def _check_all(path: Path) -> None:
    first_seen: dict[str, int] = {}
    for number, line in _read_lines(path):
        identity = orjson.loads(line)["id"]
        if identity in first_seen:
            raise _mistake(path, number, f"it repeats the id of line {first_seen[identity]}")
        first_seen[identity] = number


def _read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The documents with their line numbers, as the server takes them."""
    number = 0
    try:
        with path.open("rb") as raw:
            file = gzip.open(raw) if path.suffix == ".gz" else raw  # noqa: SIM115 - `raw` is closed
            for number, line in enumerate(file, start=1):
                document = _document(line, path, number) if line.strip() else None
                if document is not None:
                    yield number, document
    except (EOFError, zlib.error, OSError) as error:
        raise _mistake(path, number + 1, f"the file cannot be read on ({error})") from error


def _document(line: bytes, path: Path, number: int) -> bytes | None:
    try:
        entry = orjson.loads(line)
    except json.JSONDecodeError as error:
        raise _mistake(path, number, f"not valid JSON ({error.msg})") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("_id"), str | int):
        raise _mistake(path, number, "not a BEIR document: it needs an `_id`")
    identity, title = str(entry["_id"]), entry.get("title") or ""
    text, metadata = entry.get("text") or "", entry.get("metadata") or {}
    if not (isinstance(title, str) and isinstance(text, str) and isinstance(metadata, dict)):
        raise _mistake(path, number, "`title` and `text` must be strings, `metadata` an object")
    if not 0 < len(identity) <= _ID_CHARACTERS or len(title) > _TITLE_CHARACTERS:
        limits = f"{_ID_CHARACTERS} characters, a title {_TITLE_CHARACTERS}"
        raise _mistake(path, number, f"an id may have {limits} at most")
    if "\0" in identity + title + text:
        raise _mistake(path, number, "text must not contain NUL")
    if not (title.strip() or text.strip()):
        return None
    document = {"id": identity, "title": title or None, "text": text}
    # What a line does not say must not take away what the server has.
    return orjson.dumps({**document, "metadata": metadata} if metadata else document)


def _mistake(path: Path, number: int, what: str) -> InvalidInputError:
    return InvalidInputError(f"{path}, line {number}: {what}. Nothing was sent.")
