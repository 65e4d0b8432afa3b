"""What asking decides: the conversation it belongs to, what it may draw on, what is kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from groundwell.domain.answers import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    AnswerMode,
    ChatMessage,
    Citation,
    CitationAdded,
    Conversation,
    ConversationId,
    Message,
    Role,
    SourcesFound,
    TextDelta,
)
from groundwell.domain.documents import JsonValue, Metadata
from groundwell.domain.errors import GroundwellError
from groundwell.domain.filters import Filter
from groundwell.domain.identity import Principal
from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.domain.sharing import Viewer
from groundwell.generation.passages import PageLocator, PageSpans
from groundwell.services import Services
from groundwell.store import conversations
from groundwell.store.passages import load_pages

_HISTORY_MESSAGES = 10
_TITLE_CHARACTERS = 80
_INCOMPLETE = "incomplete"
_BROKEN_OFF = ("language_model",)


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


@dataclass(slots=True)
class _Told:
    """What a reader has been told of an answer."""

    text: str = ""
    citations: dict[int, Citation] = field(default_factory=dict)
    has_ended: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether something was told, but not to its end."""
        return bool(self.text.strip()) and not self.has_ended

    def note(self, event: AnswerEvent) -> None:
        """Take an event into account."""
        match event:
            case TextDelta(text):
                self.text += text
            case CitationAdded(citation):
                self.citations[citation.marker] = citation
            case AnswerFinished():
                self.has_ended = True
            case SourcesFound():
                pass


async def prepare(services: Services, caller: Principal, question: Question) -> Inquiry:
    """Search, and open the question's conversation, begun if need be.

    From here on the question is kept, whatever becomes of its answer.

    Raises NotFoundError for an unknown collection or conversation, BudgetExceededError when the
    caller's tokens do not suffice for an answer. Nothing is begun or kept then.
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
            viewer=Viewer.of(caller),
            is_shared_out=True,
        )
    )
    wanted = services.answerer.tokens_wanted(question.query, sources)
    await services.allowances.tokens.put_aside(wanted)
    pages = await load_pages(
        services.database, Viewer.of(caller), [result.chunk_id for result in sources.results]
    )
    conversation, history = await _open_conversation(services, caller, question)
    return Inquiry(question.query, conversation, history, sources, PageSpans(pages))


async def answer(
    services: Services, caller: Principal, inquiry: Inquiry, *, is_streamed: bool
) -> AsyncGenerator[AnswerEvent, None]:
    """The answer as events. It is stored before the last event is given.

    A model that breaks off is an error only when `is_streamed`: its words are out then. These, and
    those that were out when the reader left, are stored as an incomplete message.
    """
    told = _Told()
    events = services.answerer.answer(
        inquiry.query,
        inquiry.sources,
        inquiry.history,
        inquiry.pages,
        is_streamed=is_streamed,
    )
    try:
        async with aclosing(events):
            async for event in events:
                told.note(event)
                if isinstance(event, AnswerFinished):
                    services.metrics.observe_degraded(event.answer.degraded)
                    await _remember(services, caller, inquiry, event.answer)
                yield event
    except GroundwellError:
        if not told.has_ended:
            services.metrics.observe_degraded(_BROKEN_OFF)
        raise
    finally:
        if told.is_partial and is_streamed:
            await _keep_partial(services, caller, inquiry, told)


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
    # Half an answer was never checked: the model must not build on it.
    return opened.id, [
        ChatMessage(message.role, message.content)
        for message in messages
        if message.metadata.get("state") != _INCOMPLETE
    ]


async def _remember(
    services: Services, caller: Principal, inquiry: Inquiry, finished: Answer
) -> None:
    about: Metadata = {"mode": finished.mode.value}
    await _append(services, caller, inquiry, finished.text, about, finished.citations)


async def _keep_partial(
    services: Services, caller: Principal, inquiry: Inquiry, told: _Told
) -> None:
    """Store what was told of an answer that has no end."""
    about: Metadata = {"mode": AnswerMode.GENERATED.value, "state": _INCOMPLETE}
    await _append(services, caller, inquiry, told.text, about, list(told.citations.values()))


async def _append(
    services: Services,
    caller: Principal,
    inquiry: Inquiry,
    text: str,
    about: Metadata,
    citations: Sequence[Citation],
) -> None:
    cited = {(citation.document_id, citation.version) for citation in citations}
    sources = [
        result.chunk_id
        for result in inquiry.sources.results
        if (result.document_id, result.version) in cited
    ]
    async with services.database.transaction(Viewer.of(caller)) as connection:
        held = await conversations.hold_sources(connection, sources)
        # What was deleted while the answer was made is not kept by it.
        is_whole = len(held) == len(sources)
        drawn_from: list[JsonValue] = [*sorted({str(uid) for uid in held.values()})]
        await conversations.append_message(
            connection,
            caller.tenant,
            inquiry.conversation,
            Role.ASSISTANT,
            text if is_whole else conversations.WITHDRAWN,
            {
                **about,
                "citations": _stored(citations) if is_whole else [],
                "drawn_from": drawn_from,
            },
        )


def _stored(citations: Iterable[Citation]) -> list[JsonValue]:
    return [
        {
            "marker": citation.marker,
            "document_id": citation.document_id,
            "version": citation.version,
            "page": citation.page,
            "char_start": citation.char_start,
            "char_end": citation.char_end,
            "quote": citation.quote,
        }
        for citation in citations
    ]


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
