"""What asking decides: the conversation it belongs to, what it may draw on, what is kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from groundwell.domain.answers import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    ChatMessage,
    Conversation,
    ConversationId,
    Message,
    Role,
)
from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import JsonValue, PageSpan
from groundwell.domain.filters import Filter
from groundwell.domain.identity import Principal
from groundwell.domain.search import SearchRequest, SearchResponse, SearchResult
from groundwell.generation.passages import PageLocator
from groundwell.services import Services
from groundwell.store import conversations
from groundwell.store.passages import load_pages

_HISTORY_MESSAGES = 10
_TITLE_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Question:
    """A question as the routes hand it over."""

    query: str
    collection: str
    conversation: ConversationId | None
    filter: Filter | None = None
    passages: int | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question whose sources are found: all that can be wrong with a request has come out."""

    query: str
    conversation: ConversationId
    history: Sequence[ChatMessage]
    sources: SearchResponse
    pages: PageLocator


async def prepare(services: Services, caller: Principal, question: Question) -> Inquiry:
    """Search, and open the question's conversation, begun if need be.

    From here on the question is kept, whatever becomes of its answer.

    Raises NotFoundError for an unknown collection or conversation. Nothing is begun or kept then.
    """
    sources = await services.retriever.search(
        SearchRequest(
            tenant=caller.tenant,
            collection=question.collection,
            query=question.query,
            limit=question.passages or services.answers.passages,
            threshold=services.answers.threshold
            if question.threshold is None
            else question.threshold,
            filter=question.filter,
        )
    )
    pages = await load_pages(
        services.database, caller.tenant, [result.chunk_id for result in sources.results]
    )
    conversation, history = await _open_conversation(services, caller, question)
    return Inquiry(question.query, conversation, history, sources, _Pages(pages))


async def answer(
    services: Services, caller: Principal, inquiry: Inquiry, *, is_streamed: bool
) -> AsyncGenerator[AnswerEvent, None]:
    """The answer as events. It is stored before the last event is given.

    A model that breaks off is an error only when `is_streamed`: its words are out then.
    """
    events = services.answerer.answer(
        inquiry.query,
        inquiry.sources,
        inquiry.history,
        inquiry.pages,
        is_streamed=is_streamed,
    )
    async with aclosing(events):
        async for event in events:
            if isinstance(event, AnswerFinished):
                await _remember(services, caller, inquiry, event.answer)
            yield event


async def _open_conversation(
    services: Services, caller: Principal, question: Question
) -> tuple[ConversationId, list[ChatMessage]]:
    """The conversation with the question as its last message, and the messages before that."""
    async with services.database.transaction(caller.tenant) as connection:
        if question.conversation is None:
            title = " ".join(question.query.split())[:_TITLE_CHARACTERS]
            opened = await conversations.insert_conversation(
                connection, caller.tenant, caller.user_id, title
            )
        else:
            opened = await conversations.get_conversation(
                connection, caller.user_id, question.conversation
            )
        messages = await conversations.list_messages(connection, opened.id, _HISTORY_MESSAGES)
        await conversations.append_message(
            connection, caller.tenant, opened.id, Role.USER, question.query, {}
        )
    return opened.id, [ChatMessage(message.role, message.content) for message in messages]


async def _remember(
    services: Services, caller: Principal, inquiry: Inquiry, finished: Answer
) -> None:
    citations: list[JsonValue] = [
        {
            "marker": citation.marker,
            "document_id": citation.document_id,
            "version": citation.version,
            "page": citation.page,
            "char_start": citation.char_start,
            "char_end": citation.char_end,
            "quote": citation.quote,
        }
        for citation in finished.citations
    ]
    async with services.database.transaction(caller.tenant) as connection:
        await conversations.append_message(
            connection,
            caller.tenant,
            inquiry.conversation,
            Role.ASSISTANT,
            finished.text,
            {"mode": finished.mode.value, "citations": citations},
        )


class _Pages:
    """Tells pages by the spans of each passage's document version."""

    def __init__(self, pages: Mapping[ChunkId, Sequence[PageSpan]]) -> None:
        self._pages = pages

    def page_at(self, result: SearchResult, char_start: int) -> int | None:
        """The page on which the character stands."""
        spans = self._pages.get(result.chunk_id, ())
        index = bisect_right(spans, char_start, key=lambda span: span.char_start) - 1
        return spans[index].page if index >= 0 else result.page


async def create_conversation(
    services: Services, caller: Principal, title: str | None
) -> Conversation:
    """Begin an empty conversation."""
    async with services.database.transaction(caller.tenant) as connection:
        return await conversations.insert_conversation(
            connection, caller.tenant, caller.user_id, title
        )


async def list_conversations(
    services: Services, caller: Principal, limit: int, offset: int
) -> list[Conversation]:
    """The caller's conversations."""
    async with services.database.transaction(caller.tenant) as connection:
        return await conversations.list_conversations(connection, caller.user_id, limit, offset)


async def read_conversation(
    services: Services, caller: Principal, conversation: ConversationId, last: int
) -> tuple[Conversation, list[Message]]:
    """A conversation and its last messages."""
    async with services.database.transaction(caller.tenant) as connection:
        known = await conversations.get_conversation(connection, caller.user_id, conversation)
        return known, await conversations.list_messages(connection, conversation, last)


async def delete_conversation(
    services: Services, caller: Principal, conversation: ConversationId
) -> None:
    """Delete a conversation with its messages."""
    async with services.database.transaction(caller.tenant) as connection:
        await conversations.delete_conversation(connection, caller.user_id, conversation)
