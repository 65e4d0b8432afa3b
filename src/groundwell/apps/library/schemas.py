"""What the library's endpoints take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from groundwell.domain.documents import Collection, Document, PageSpan
from groundwell.web.fields import CollectionName

_ENDINGS = ("/text", "/content", "/events")


def _check_ending(identity: str) -> str:
    if identity.endswith(_ENDINGS):
        raise ValueError(f"an id must not end in {', '.join(_ENDINGS)}: these name its parts")
    return identity


DocumentId = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(_check_ending)
]
Title = Annotated[str, StringConstraints(max_length=1000)]


class CollectionIn(BaseModel):
    """A new collection."""

    model_config = ConfigDict(extra="forbid")

    name: CollectionName
    description: Annotated[str, StringConstraints(max_length=2000)] = ""
    chunking: Literal["passage", "recursive", "tokens"] | None = None


class CollectionOut(BaseModel):
    """A collection."""

    name: str
    description: str
    chunking: str
    document_count: int
    chunk_count: int
    created_at: datetime

    @classmethod
    def of(cls, collection: Collection) -> CollectionOut:
        """The collection as clients see it."""
        return cls(
            name=collection.name,
            description=collection.description,
            chunking=collection.chunking,
            document_count=collection.document_count,
            chunk_count=collection.chunk_count,
            created_at=collection.created_at,
        )


class CollectionList(BaseModel):
    """All collections, by name."""

    collections: list[CollectionOut]


class AcceptedOut(BaseModel):
    """A document that was taken in. `is_new_work` is false when there is nothing to index."""

    document_id: str
    status: str
    version: int
    is_new_work: bool


class BatchOut(BaseModel):
    """The documents of a batch, in the order in which they were sent."""

    documents: list[AcceptedOut]


class BatchDocument(BaseModel):
    """One text of a batch."""

    model_config = ConfigDict(extra="forbid")

    id: DocumentId | None = None
    title: Title | None = None
    text: str
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class Failure(BaseModel):
    """Why a document failed: a stable code and a sentence."""

    code: str
    message: str


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
    error_message: str | None = None
    failure: Failure | None = None
    warnings: list[str]
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    indexed_at: datetime | None

    @classmethod
    def of(cls, document: Document) -> DocumentOut:
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
            error_message=document.error_message,
            failure=failure,
            warnings=list(document.warnings),
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
