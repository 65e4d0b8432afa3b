"""Documents, their versions and what a parser makes of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType, TypeAlias
from uuid import UUID

import orjson

from groundwell.domain.errors import InvalidInputError

TenantId = NewType("TenantId", UUID)
CollectionId = NewType("CollectionId", UUID)
DocumentUid = NewType("DocumentUid", UUID)
"""Internal identity of a document; the public `id` is a string that the client may choose."""
VersionId = NewType("VersionId", UUID)

JsonValue: TypeAlias = (
    "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
Metadata: TypeAlias = Mapping[str, JsonValue]

DEFAULT_COLLECTION = "default"
_METADATA_BYTES = 16 << 10


def check_metadata(metadata: Metadata) -> None:
    """Raise InvalidInputError when metadata is larger than filters and results can bear."""
    if len(orjson.dumps(metadata, default=dict)) > _METADATA_BYTES:
        raise InvalidInputError(
            f"Metadata may take {_METADATA_BYTES} bytes as JSON at most.", code="metadata_too_large"
        )


class DocumentStatus(StrEnum):
    """Life of a document, as its owner sees it."""

    PENDING = "pending"
    INDEXING = "indexing"
    COMPLETE = "complete"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """Whether the document waits for nothing any more."""
        return self in (DocumentStatus.COMPLETE, DocumentStatus.FAILED)


class Stage(StrEnum):
    """Where in ingestion a document stands."""

    QUEUED = "queued"
    PARSE = "parse"
    CHUNK = "chunk"
    EMBED = "embed"
    INDEX = "index"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class PageSpan:
    """Characters `[char_start, char_end)` of the document's text that stand on `page` (from 1)."""

    page: int
    char_start: int
    char_end: int


@dataclass(frozen=True, slots=True)
class HeadingSpan:
    """A heading at `[char_start, char_end)`; `level` 1 is the highest."""

    level: int
    char_start: int
    char_end: int


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a parser makes of a file.

    `text` is the canonical text: every character offset in chunks and citations points into it.
    `pages` is empty for formats without pages. Spans are sorted and do not overlap.
    """

    text: str
    media_type: str
    parser: str
    pages: tuple[PageSpan, ...] = ()
    headings: tuple[HeadingSpan, ...] = ()
    title: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of documents that is searched as one."""

    id: CollectionId
    name: str
    description: str
    chunking: str
    created_at: datetime
    document_count: int = 0
    chunk_count: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A document row: its identity, its state and its active version."""

    uid: DocumentUid
    id: str
    collection: str
    filename: str
    title: str | None
    media_type: str
    file_size: int
    status: DocumentStatus
    stage: Stage
    progress: float
    version: int
    created_at: datetime
    updated_at: datetime
    indexed_at: datetime | None = None
    chunk_count: int = 0
    error_code: str | None = None
    error_message: str | None = None
    warnings: tuple[str, ...] = ()
    metadata: Metadata = field(default_factory=dict)
