"""The formats that questions can be exported to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExportFormat(StrEnum):
    """A format, by the name it has in requests."""

    MARKDOWN = "markdown"
    """The layout of `generate-questions`."""
    JSON = "json"
    """Everything that is known of each question."""
    CSV = "csv"
    """A table for spreadsheets."""
    GIFT = "gift"
    """Moodle's text format for questions."""
    QTI = "qti"
    """A package of IMS QTI 1.2, which most learning platforms import."""
    QTI21 = "qti21"
    """A package of IMS QTI 2.1."""
    ANKI = "anki"
    """A deck of flash cards for Anki."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file to download. `name` is plain ASCII."""

    name: str
    media_type: str
    content: bytes
