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

MOST_BATCH_MB = 32
"""Most that a batch of texts may hold, in mebibytes. It is in memory as a whole."""
DEFAULT_COLLECTION = "default"
SAMPLE_COLLECTION = "sample"
"""The documents that an installation begins with."""
_METADATA_BYTES = 16 << 10
PARTS_OF_A_DOCUMENT = ("/text", "/content", "/events", "/retry", "/cancel")
"""Addresses of a document's parts; no id may end like them."""


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


class Visibility(StrEnum):
    """Who may see a document: the whole tenant, its owner alone, or some beside its owner."""

    TENANT = "tenant"
    PRIVATE = "private"
    SHARED = "shared"


class Priority(StrEnum):
    """How soon a document takes its turn among those that wait."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Stage(StrEnum):
    """Where in ingestion a document stands."""

    AWAITING_UPLOAD = "awaiting_upload"
    QUEUED = "queued"
    DOWNLOAD = "download"
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
    """A named set of documents that is searched as one.

    `languages`: how many of its searchable documents are in each language, by ISO 639-1 code.
    """

    id: CollectionId
    name: str
    description: str
    chunking: str
    created_at: datetime
    document_count: int = 0
    chunk_count: int = 0
    languages: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DocumentName:
    """How a document is asked for. Its collection and owner tell apart what has the same id."""

    id: str
    collection: str | None = None
    owner: UUID | None = None


@dataclass(frozen=True, slots=True)
class DocumentAccess:
    """Whose a document is and who else may see it. `is_readable`: whether who asks may.

    `owner` is None for what nobody in particular brought. Roles and users are there when it is
    shared.
    """

    owner: UUID | None = None
    visibility: Visibility = Visibility.TENANT
    roles: tuple[str, ...] = ()
    users: tuple[UUID, ...] = ()
    is_readable: bool = True


class CallbackState(StrEnum):
    """Whether who wanted to be told about a document has been."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Callback:
    """The latest call that was asked for. `event` is its id, `error` why the last try failed.

    Of the address only the host: the rest may hold a secret.
    """

    event: UUID
    host: str
    state: CallbackState
    tries: int
    error: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Document:
    """A document row: its identity, its state and its active version.

    `language`: an ISO 639-1 code, the default where the text leaves doubt; None until indexed.
    """

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
    language: str | None = None
    access: DocumentAccess = field(default_factory=DocumentAccess)
    callback: Callback | None = None


class WaitingReason(StrEnum):
    """Why a document does not move on."""

    WORKER = "worker"
    DISK = "disk"
    RETRY = "retry"
    TURN = "turn"
    QUEUE = "queue"
    """Its job was lost, and will be found missing."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an unfinished document waits for. `message` is for people.

    `next_try_at`: when it is tried again, by the database's clock. `before`: how many jobs of the
    same tenant come first; a job is up to 32 documents.
    """

    reason: WaitingReason
    message: str
    next_try_at: datetime | None = None
    before: int | None = None
