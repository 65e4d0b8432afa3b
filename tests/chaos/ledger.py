"""What workers embedded, and what they kept of it, as they wrote it down while they lived.

A chunk that is embedded again after the commit which kept it was paid for twice.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.replacing import Function, replace

_step: ContextVar[list[str]] = ContextVar("_step")


def note_embeddings(path: Path) -> None:
    """Make this process write a line for each step of embedding, and for each that is kept.

    The product's functions run as they are; lines are whole even if the process is killed.
    """
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(what: str, chunks: Sequence[str]) -> None:
        os.write(file, f"{what} {' '.join(chunks)}\n".encode())

    def embedding(function: Function) -> Function:
        async def encode_chunks(embedder: Any, centre: Any, placed: Any) -> Any:  # noqa: ANN401 - as in the product
            _step.set([f"{each.version}/{each.chunk.ordinal}" for each in placed])
            write("embedded", _step.get())
            return await function(embedder, centre, placed)

        encode_chunks.__module__ = function.__module__
        return encode_chunks

    def keeping(function: Function) -> Function:
        async def report(run: Any, versions: Any, progress: float, fresh: Any) -> Any:  # noqa: ANN401 - as in the product
            wanted = await function(run, versions, progress, fresh)
            if fresh:
                held = {str(version) for version in wanted}
                write("kept", [each for each in _step.get() if each.split("/")[0] in held])
            return wanted

        return report

    replace("groundwell.ingestion.encode", "encode_chunks", embedding)
    replace("groundwell.ingestion.embed", "EmbeddingRun._report", keeping)


@dataclass(frozen=True, slots=True)
class Ledger:
    """How many chunks were embedded, how many of these again, and how many after being kept."""

    embedded: int
    again: int
    paid_twice: int

    def __str__(self) -> str:
        return (
            f"{self.embedded} chunks embedded, {self.again} of them again because their step was"
            f" not kept yet or their attempt was over, {self.paid_twice} after they were kept"
        )


def read_ledger(path: Path) -> Ledger:
    """Add up what all workers have written, in the order in which they did."""
    seen: set[str] = set()
    kept: set[str] = set()
    embedded = again = twice = 0
    for line in path.read_text().splitlines():
        what, *chunks = line.split()
        if what == "kept":
            kept.update(chunks)
            continue
        embedded += len(chunks)
        again += len(seen.intersection(chunks))
        twice += len(kept.intersection(chunks))
        seen.update(chunks)
    return Ledger(embedded, again, twice)
