"""Reading a corpus in BEIR's form: `corpus.jsonl` or `corpus.jsonl.gz` (Thakur et al. 2021)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from groundwell.domain.errors import InvalidInputError, NotFoundError

_BATCH_DOCUMENTS = 500
_BATCH_BYTES = 4 << 20


def read_batches(folder: Path) -> Iterator[tuple[bytes, int]]:
    """The corpus as JSON lines for the batch endpoint, some hundred documents at a time.

    Raises NotFoundError without a corpus, InvalidInputError that names file and line of a mistake.
    Everything is read once before the first batch is given, so that nothing is sent by halves.
    """
    path = _find_corpus(folder)
    for _ in _read_lines(path):
        pass
    lines: list[bytes] = []
    size = 0
    for line in _read_lines(path):
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


def _read_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as raw:
        file = gzip.open(raw) if path.suffix == ".gz" else raw  # noqa: SIM115 - `raw` is closed
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _document(line, f"{path}, line {number}")


def _document(line: bytes, place: str) -> bytes:
    try:
        entry: dict[str, Any] = orjson.loads(line)
        document = {
            "id": str(entry["_id"]),
            "title": entry.get("title") or None,
            "text": entry.get("text") or "",
            "metadata": entry.get("metadata") or {},
        }
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"{place}: not a BEIR document ({error}).") from error
    return orjson.dumps(document)
