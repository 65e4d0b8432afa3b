"""The parser port."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from groundwell.domain.documents import ParsedDocument


class Parser(Protocol):
    """Reads a file into text.

    Promises: hostile input cannot hurt the caller: parsing happens where it can be killed, with
    limits on memory, processor time and wall time and without network. `text` never contains NUL
    or lone surrogates and ends and begins without white space.

    Errors: DocumentError with a stable code and a sentence for people.
    """

    async def parse(self, path: Path, filename: str, media_type: str) -> ParsedDocument:
        """Parse the file at `path`; `filename` is only for messages and for text formats."""
        ...
