"""Answers, their citations, and the conversations they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType, TypeAlias
from uuid import UUID

from groundwell.domain.documents import Metadata
from groundwell.domain.search import SearchResult

ConversationId = NewType("ConversationId", UUID)
MessageId = NewType("MessageId", UUID)


class AnswerMode(StrEnum):
    """How an answer came about."""

    EXTRACTIVE = "extractive"
    """Verbatim sentences of the sources; no language model was used."""
    GENERATED = "generated"
    """Worded by a language model from the sources."""
    NOT_FOUND = "not_found"
    """Nothing in the documents supports an answer."""


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a statement comes from. `quote == document_text[char_start:char_end]`, verbatim.

    `marker` is the number that stands as `[n]` in the answer's text.
    """

    marker: int
    document_id: str
    version: int
    filename: str
    page: int | None
    char_start: int
    char_end: int
    quote: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class ContextUsage:
    """How much of the sources a language model was shown; `tokens` by the embedder's tokenizer."""

    characters: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer: every `[n]` in `text` has its citation, every citation its `[n]`.

    `usage` is None where no language model was asked.
    """

    text: str
    citations: tuple[Citation, ...]
    mode: AnswerMode
    fallback_used: bool = False
    degraded: tuple[str, ...] = ()
    usage: ContextUsage | None = None


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """First event of an answer: the passages it may draw on."""

    results: tuple[SearchResult, ...]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class CitationAdded:
    """A marker appeared in the text for the first time."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class AnswerFinished:
    """Last event: the whole answer. Its text may differ from the deltas if a check mended it."""

    answer: Answer


AnswerEvent: TypeAlias = SourcesFound | TextDelta | CitationAdded | AnswerFinished


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn, as a language model reads it."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Message:
    """One stored turn of a conversation."""

    id: MessageId
    conversation_id: ConversationId
    role: Role
    content: str
    timestamp: datetime
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread of messages."""

    id: ConversationId
    created_at: datetime
    updated_at: datetime
    title: str | None = None
