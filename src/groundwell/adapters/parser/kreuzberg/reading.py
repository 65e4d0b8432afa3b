"""What crosses the border between the parsing child and its parent."""

from __future__ import annotations

from dataclasses import dataclass

from groundwell.domain.documents import HeadingSpan, PageSpan


@dataclass(frozen=True, slots=True)
class Task:
    """What the child shall read. `ocr_language` is None when pictures stay unread."""

    path: str
    media_type: str
    memory_bytes: int
    cpu_seconds: int
    max_characters: int
    ocr_language: str | None
    ocr_seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What the child read: a canonical text and the spans in it.

    `unread_pages` are the pages without a text layer that nobody has read by OCR.
    """

    text: str
    pages: tuple[PageSpan, ...] = ()
    headings: tuple[HeadingSpan, ...] = ()
    title: str | None = None
    unread_pages: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the child gave up; becomes a DocumentError."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The child's whole answer: exactly one of the two."""

    reading: Reading | None = None
    refusal: Refusal | None = None
