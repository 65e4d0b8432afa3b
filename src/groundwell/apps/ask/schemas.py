"""What questions take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from groundwell.domain.answers import Answer, Citation, ContextUsage, Conversation, Message
from groundwell.domain.documents import DEFAULT_COLLECTION
from groundwell.domain.search import SearchResult
from groundwell.web.fields import WHOLE, CollectionName, Flag, Number, QueryText
from groundwell.web.filter_schema import Filter


class AskIn(BaseModel):
    """A question. Naming a conversation continues it, else a new one begins."""

    model_config = ConfigDict(extra="forbid")

    query: QueryText
    collection: CollectionName = DEFAULT_COLLECTION
    conversation_id: UUID | None = None
    stream: Flag = False
    filter: Filter = Field(default_factory=dict)
    passages: Annotated[int, Field(ge=1, le=50), WHOLE] | None = None
    threshold: Number | None = Field(default=None, ge=0, le=1)


class QueryIn(BaseModel):
    """A question to `/query`, which streams unless told otherwise."""

    model_config = ConfigDict(extra="forbid")

    query: QueryText
    conversation_id: UUID | None = None
    stream: Flag = True
    collection: CollectionName = DEFAULT_COLLECTION


class CitationOut(BaseModel):
    """Where a statement comes from: `quote` is `document_text[char_start:char_end]`, verbatim."""

    marker: int
    document_id: str
    version: int
    filename: str
    title: str | None
    page: int | None
    char_start: int
    char_end: int
    quote: str

    @classmethod
    def of(cls, citation: Citation) -> CitationOut:
        """The citation as clients see it."""
        return cls(
            marker=citation.marker,
            document_id=citation.document_id,
            version=citation.version,
            filename=citation.filename,
            title=citation.title,
            page=citation.page,
            char_start=citation.char_start,
            char_end=citation.char_end,
            quote=citation.quote,
        )


class UsageOut(BaseModel):
    """What a language model was shown of the documents; tokens by the embedder's tokenizer."""

    context_characters: int
    context_tokens: int

    @classmethod
    def of(cls, usage: ContextUsage) -> UsageOut:
        """The usage as clients see it."""
        return cls(context_characters=usage.characters, context_tokens=usage.tokens)


class AnswerOut(BaseModel):
    """An answer. Every `[n]` in it has its citation, and every citation its `[n]`.

    `revised` says of a stream that its deltas were another text, which this one replaces. `usage`
    is null where no language model was asked.
    """

    answer: str
    citations: list[CitationOut]
    mode: str
    conversation_id: UUID
    fallback_used: bool
    revised: bool
    degraded: list[str]
    usage: UsageOut | None

    @classmethod
    def of(cls, answer: Answer, conversation: UUID, *, is_revised: bool = False) -> AnswerOut:
        """The answer as clients see it."""
        return cls(
            answer=answer.text,
            citations=[CitationOut.of(citation) for citation in answer.citations],
            mode=answer.mode,
            conversation_id=conversation,
            fallback_used=answer.fallback_used,
            revised=is_revised,
            degraded=list(answer.degraded),
            usage=None if answer.usage is None else UsageOut.of(answer.usage),
        )


class SourceOut(BaseModel):
    """A passage that the answer may draw on."""

    document_id: str
    chunk_id: str
    filename: str
    title: str | None
    text: str
    score: float
    page: int | None
    char_start: int
    char_end: int

    @classmethod
    def of(cls, result: SearchResult) -> SourceOut:
        """The passage as clients see it."""
        return cls(
            document_id=result.document_id,
            chunk_id=result.chunk_id,
            filename=result.filename,
            title=result.title,
            text=result.text,
            score=result.score,
            page=result.page,
            char_start=result.char_start,
            char_end=result.char_end,
        )


class ConversationIn(BaseModel):
    """A new conversation."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, StringConstraints(max_length=200)] | None = None


class ConversationOut(BaseModel):
    """A conversation."""

    id: UUID
    title: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, conversation: Conversation) -> ConversationOut:
        """The conversation as clients see it."""
        return cls(
            id=conversation.id,
            title=conversation.title,
            created_at=conversation.created_at,
            updated_at=conversation.updated_at,
        )


class ConversationList(BaseModel):
    """Conversations, the one used last first."""

    conversations: list[ConversationOut]


class MessageOut(BaseModel):
    """A message."""

    id: UUID
    conversation_id: UUID
    role: str
    content: str
    timestamp: datetime
    metadata: dict[str, Any]

    @classmethod
    def of(cls, message: Message) -> MessageOut:
        """The message as clients see it."""
        return cls(
            id=message.id,
            conversation_id=message.conversation_id,
            role=message.role,
            content=message.content,
            timestamp=message.timestamp,
            metadata=dict(message.metadata),
        )


class ConversationDetail(ConversationOut):
    """A conversation with its messages, oldest first."""

    messages: list[MessageOut]
