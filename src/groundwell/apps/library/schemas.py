"""What the library's endpoints take and give."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from groundwell.apps.library.sharing_schemas import (
    OPTIONAL_SHARING,
    AccessOut,
    SharedWith,
    read_sharing,
)
from groundwell.domain.documents import (
    PARTS_OF_A_DOCUMENT,
    Callback,
    CallbackState,
    Document,
    PageSpan,
    Visibility,
    Waiting,
    WaitingReason,
)
from groundwell.domain.sharing import Sharing
from groundwell.domain.webhooks.hosts import MOST_CHARACTERS, URL_PATTERN
from groundwell.web.fields import NOT_BLANK


def _check_id(identity: str) -> str:
    # An address cannot hold a line end: such a document would never be reached again.
    if any(unicodedata.category(character) == "Cc" for character in identity):
        raise ValueError("an id must not contain control characters")
    if identity.endswith(PARTS_OF_A_DOCUMENT):
        endings = ", ".join(PARTS_OF_A_DOCUMENT)
        raise ValueError(f"an id must not end in {endings}: these name its parts")
    return identity


_ENDINGS = "|".join(PARTS_OF_A_DOCUMENT)
DocumentId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(_check_id),
    Field(
        json_schema_extra={
            "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
            "not": {"pattern": f"({_ENDINGS})$"},
        }
    ),
]
Title = Annotated[str, StringConstraints(max_length=1000)]
CallbackUrl = Annotated[
    str,
    Field(
        max_length=MOST_CHARACTERS,
        json_schema_extra={"format": "uri", "pattern": URL_PATTERN},
        description="Is sent a signed POST when a document is complete, failed or cancelled.",
    ),
]


class AcceptedOut(BaseModel):
    """A document that was taken in. `is_new_work` is false when there is nothing to index."""

    document_id: str
    status: str
    version: int
    is_new_work: bool


class BatchOut(BaseModel):
    """The documents of a batch, in the order in which they were sent."""

    documents: list[AcceptedOut]


_HAS_WORDS = {
    "anyOf": [
        {"properties": {"text": NOT_BLANK}},
        {"required": ["title"], "properties": {"title": {"type": "string", **NOT_BLANK}}},
    ]
}
_RULES: dict[str, Any] = {"allOf": [OPTIONAL_SHARING, _HAS_WORDS]}


class BatchDocument(BaseModel):
    """One text of a batch."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_RULES)

    id: DocumentId | None = None
    title: Title | None = None
    text: str
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    visibility: Visibility | None = None
    shared_with: SharedWith | None = None

    def sharing(self) -> Sharing | None:
        """Who may see it, if that is said."""
        return read_sharing(self.visibility, self.shared_with)


class Failure(BaseModel):
    """Why a document failed: a stable code and a sentence."""

    code: str
    message: str


class CallbackOut(BaseModel):
    """The latest call that was asked for, by its host; the rest of the address is not shown."""

    event_id: UUID
    host: str
    state: CallbackState
    tries: int
    error: str | None
    updated_at: datetime

    @classmethod
    def of(cls, callback: Callback) -> CallbackOut:
        """The call as clients see it."""
        return cls(
            event_id=callback.event,
            host=callback.host,
            state=callback.state,
            tries=callback.tries,
            error=callback.error,
            updated_at=callback.updated_at,
        )


class WaitingOut(BaseModel):
    """Why a document does not move on: a stable word, and a sentence."""

    reason: WaitingReason
    message: str
    next_try_at: datetime | None
    jobs_before: int | None = Field(description="Of this tenant, each of up to 32 documents.")

    @classmethod
    def of(cls, waiting: Waiting) -> WaitingOut:
        """The wait as clients see it."""
        return cls(
            reason=waiting.reason,
            message=waiting.message,
            next_try_at=waiting.next_try_at,
            jobs_before=waiting.before,
        )


class DocumentOut(BaseModel):
    """A document and where it stands."""

    document_id: str
    collection: str
    filename: str
    title: str | None
    media_type: str
    file_size: int
    status: str
    stage: str
    progress: float
    version: int
    chunk_count: int
    language: str | None = Field(description="ISO 639-1; null until the document is indexed.")
    access: AccessOut
    error_message: str | None = None
    failure: Failure | None = None
    waiting_for: WaitingOut | None = Field(
        default=None,
        description="Where one document is read or followed: why it does not move on, if so.",
    )
    warnings: list[str]
    callback: CallbackOut | None = None
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    indexed_at: datetime | None

    @classmethod
    def of(cls, document: Document, waiting: Waiting | None = None) -> DocumentOut:
        """The document as clients see it."""
        failure = None
        if document.error_code is not None:
            failure = Failure(code=document.error_code, message=document.error_message or "")
        return cls(
            document_id=document.id,
            collection=document.collection,
            filename=document.filename,
            title=document.title,
            media_type=document.media_type,
            file_size=document.file_size,
            status=document.status,
            stage=document.stage,
            progress=document.progress,
            version=document.version,
            chunk_count=document.chunk_count,
            language=document.language,
            access=AccessOut.of(document.access),
            error_message=document.error_message,
            failure=failure,
            waiting_for=None if waiting is None else WaitingOut.of(waiting),
            warnings=list(document.warnings),
            callback=None if document.callback is None else CallbackOut.of(document.callback),
            metadata=dict(document.metadata),
            created_at=document.created_at,
            updated_at=document.updated_at,
            indexed_at=document.indexed_at,
        )


class DocumentList(BaseModel):
    """A page of documents, newest first; `next_cursor` leads to the next page."""

    documents: list[DocumentOut]
    next_cursor: str | None
    counts: dict[str, int]
    awaiting_upload: int = Field(description="How many of the pending ones are announced only.")


class PageOut(BaseModel):
    """Which characters of the text stand on a page."""

    page: int
    char_start: int
    char_end: int


class TextOut(BaseModel):
    """The text that citations point into."""

    document_id: str
    version: int
    text: str
    pages: list[PageOut]

    @classmethod
    def of(cls, document_id: str, version: int, text: str, pages: tuple[PageSpan, ...]) -> TextOut:
        """A document's text as clients see it."""
        return cls(
            document_id=document_id,
            version=version,
            text=text,
            pages=[
                PageOut(page=p.page, char_start=p.char_start, char_end=p.char_end) for p in pages
            ],
        )
