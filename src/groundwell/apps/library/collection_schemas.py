"""What the endpoints of collections take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from groundwell.domain.documents import Collection
from groundwell.web.fields import CollectionName


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
    languages: dict[str, int] = Field(description="Searchable documents, by ISO 639-1 code.")
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
            languages=dict(collection.languages),
            created_at=collection.created_at,
        )


class CollectionList(BaseModel):
    """All collections, by name."""

    collections: list[CollectionOut]
