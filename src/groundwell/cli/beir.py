"""Reading a corpus in BEIR's form: `corpus.jsonl` or `corpus.jsonl.gz` (Thakur et al. 2021)."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from groundwell.domain.documents import MOST_BATCH_MB, PARTS_OF_A_DOCUMENT, check_metadata
from groundwell.domain.errors import InvalidInputError, NotFoundError

_ID_CHARACTERS = 200
_TITLE_CHARACTERS = 1000

_BATCH_DOCUMENTS = 500
_BATCH_BYTES = 4 << 20


def read_batches(folder: Path, most_mb: int = MOST_BATCH_MB) -> Iterator[tuple[bytes, int]]:
    """The corpus as JSON lines for the batch endpoint, some hundred documents at a time.

    `most_mb`: mebibytes that the server takes at once.
    Raises NotFoundError without a corpus, InvalidInputError that names file and line of a mistake.
    Everything is read once before the first batch is given, so that nothing is sent by halves.
    Documents without any text, which some corpora hold, are left out.
    """
    path = find_lines(folder, "corpus")
    _check_all(path, most_mb)
    most_bytes = min(_BATCH_BYTES, most_mb << 20)
    lines: list[bytes] = []
    size = 0
    for _, line in _read_lines(path, most_mb):
        if lines and (len(lines) >= _BATCH_DOCUMENTS or size + len(line) >= most_bytes):
            yield b"\n".join(lines), len(lines)
            lines, size = [], 0
        lines.append(line)
        # With the end of the line.
        size += len(line) + 1
    if lines:
        yield b"\n".join(lines), len(lines)


def read_corpus_ids(folder: Path) -> set[str]:
    """The ids of all documents that have a text. Raises like `read_batches`."""
    return set(_check_all(find_lines(folder, "corpus"), MOST_BATCH_MB))


def find_lines(folder: Path, name: str) -> Path:
    """The file NAME.jsonl or NAME.jsonl.gz of a folder; NotFoundError when neither is there."""
    for suffix in (".jsonl", ".jsonl.gz"):
        if (folder / f"{name}{suffix}").is_file():
            return folder / f"{name}{suffix}"
    raise NotFoundError(f"There is no {name}.jsonl or {name}.jsonl.gz in {folder}.")


def _check_all(path: Path, most_mb: int) -> dict[str, int]:
    first_seen: dict[str, int] = {}
    for number, line in _read_lines(path, most_mb):
        identity = orjson.loads(line)["id"]
        if identity in first_seen:
            raise mistake_in(path, number, f"it repeats the id of line {first_seen[identity]}")
        first_seen[identity] = number
    return first_seen


def _read_lines(path: Path, most_mb: int) -> Iterator[tuple[int, bytes]]:
    """The documents with their line numbers, as the server takes them."""
    for number, line in read_raw_lines(path):
        document = _document(line, path, number)
        if document is None:
            continue
        if len(document) > most_mb << 20:
            raise mistake_in(
                path, number, f"the document is larger than a batch may be, {most_mb} MiB"
            )
        yield number, document


def read_raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank with their numbers, from 1; a `.gz` file is unpacked."""
    number = 0
    try:
        with path.open("rb") as raw:
            file = gzip.open(raw) if path.suffix == ".gz" else raw  # noqa: SIM115 - `raw` is closed
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except (EOFError, zlib.error, OSError) as error:
        raise mistake_in(path, number + 1, f"the file cannot be read on ({error})") from error


def read_entry(line: bytes, path: Path, number: int, kind: str) -> dict[str, Any]:
    """The object of one line, which must have an `_id`."""
    try:
        entry = orjson.loads(line)
    except json.JSONDecodeError as error:
        raise mistake_in(path, number, f"not valid JSON ({error.msg})") from error
    if not isinstance(entry, dict) or not _is_id(entry.get("_id")):
        raise mistake_in(path, number, f"not a BEIR {kind}: it needs an `_id`")
    return entry


def _is_id(value: object) -> bool:
    # For Python, true is a number as well.
    return isinstance(value, str | int) and not isinstance(value, bool)


def _document(line: bytes, path: Path, number: int) -> bytes | None:
    entry = read_entry(line, path, number, "document")
    identity, title = str(entry["_id"]), entry.get("title") or ""
    text, metadata = entry.get("text") or "", entry.get("metadata") or {}
    if not (isinstance(title, str) and isinstance(text, str) and isinstance(metadata, dict)):
        raise mistake_in(path, number, "`title` and `text` must be strings, `metadata` an object")
    if not 0 < len(identity) <= _ID_CHARACTERS or len(title) > _TITLE_CHARACTERS:
        limits = f"{_ID_CHARACTERS} characters, a title {_TITLE_CHARACTERS}"
        raise mistake_in(path, number, f"an id may have {limits} at most")
    if identity.endswith(PARTS_OF_A_DOCUMENT):
        raise mistake_in(path, number, f"an id must not end in {', '.join(PARTS_OF_A_DOCUMENT)}")
    # Pairs of backslashes stand for themselves: without them, every escape is one.
    if b"\\u0000" in orjson.dumps([identity, title, text, metadata]).replace(rb"\\", b""):
        raise mistake_in(path, number, "text and metadata must not contain NUL")
    try:
        check_metadata(metadata)
    except InvalidInputError as error:
        raise mistake_in(path, number, error.detail.rstrip(".")) from error
    if not (title.strip() or text.strip()):
        return None
    document = {"id": identity, "title": title or None, "text": text}
    # What a line does not say must not take away what the server has.
    return orjson.dumps({**document, "metadata": metadata} if metadata else document)


def mistake_in(path: Path, number: int, what: str) -> InvalidInputError:
    """The error that names a line."""
    return InvalidInputError(f"{path}, line {number}: {what}. Nothing was sent.")
