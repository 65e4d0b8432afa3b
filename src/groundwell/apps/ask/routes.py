"""HTTP: questions and answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from groundwell.apps.ask import service
from groundwell.apps.ask.schemas import AnswerOut, AskIn, CitationOut, QueryIn, SourceOut
from groundwell.apps.ask.service import Question
from groundwell.domain.answers import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    CitationAdded,
    ConversationId,
    SourcesFound,
    TextDelta,
)
from groundwell.domain.errors import ProviderError
from groundwell.domain.filters import parse_filter
from groundwell.domain.identity import Principal
from groundwell.services import Services
from groundwell.web.deps import App, Reader
from groundwell.web.gate import visit_of
from groundwell.web.json_body import StrictJsonRoute
from groundwell.web.measures import TOLD_DEGRADED, mark_degraded
from groundwell.web.streaming import EVENT_STREAM, Event, described_events, event_stream

router = APIRouter(tags=["ask"], route_class=StrictJsonRoute)

_EVENTS = ("search_results", "message", "citation", "final_answer", "error", "done")
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        **TOLD_DEGRADED[200],
        "content": {EVENT_STREAM: described_events(*_EVENTS)},
        "description": (f"With `stream`: events {', '.join(_EVENTS)}."),
    }
}


@router.post("/api/v1/ask", summary="Ask a question", response_model=AnswerOut, responses=_STREAM)
async def ask(
    request: Request, response: Response, app: App, caller: Reader, body: AskIn
) -> AnswerOut | StreamingResponse:
    """An answer from the documents, with a citation for every statement.

    Without a language model the answer is made of the documents' own sentences. When nothing in
    the documents supports an answer, it says so (`mode: not_found`).
    """
    question = Question(
        query=body.query,
        collection=body.collection,
        conversation=_known(body.conversation_id),
        filter=parse_filter(body.filter),
        passages=body.passages,
        threshold=body.threshold,
    )
    if _wants(request, body.stream):
        return await _streamed(request, app, caller, question)
    return await _whole(response, app, caller, question)


@router.post(
    "/query", summary="Ask a question, streaming", response_model=AnswerOut, responses=_STREAM
)
async def query(
    request: Request, response: Response, app: App, caller: Reader, body: QueryIn
) -> AnswerOut | StreamingResponse:
    """The same as `/api/v1/ask`, as a stream unless `stream` is false."""
    question = Question(
        query=body.query,
        collection=body.collection,
        conversation=_known(body.conversation_id),
    )
    if body.stream:
        return await _streamed(request, app, caller, question)
    return await _whole(response, app, caller, question)


async def _streamed(
    request: Request, app: Services, caller: Principal, question: Question
) -> StreamingResponse:
    """The answer as events. The header names what the search lacked, `final_answer` all."""
    visit_of(request).check_stream()
    inquiry = await service.prepare(app, caller, question)
    answering = service.answer(app, caller, inquiry, is_streamed=True)
    response = event_stream(request, _events(answering, inquiry.conversation))
    mark_degraded(response, inquiry.sources.degraded)
    return response


async def _whole(
    response: Response, app: Services, caller: Principal, question: Question
) -> AnswerOut:
    inquiry = await service.prepare(app, caller, question)
    answer = await _finished(service.answer(app, caller, inquiry, is_streamed=False))
    mark_degraded(response, answer.degraded)
    return AnswerOut.of(answer, inquiry.conversation)


async def _finished(answering: AsyncGenerator[AnswerEvent, None]) -> Answer:
    async with aclosing(answering) as events:
        async for event in events:
            if isinstance(event, AnswerFinished):
                return event.answer
    raise ProviderError("The answer ended before it was finished.")


async def _events(
    answering: AsyncGenerator[AnswerEvent, None], conversation: ConversationId
) -> AsyncIterator[Event]:
    streamed = ""
    async with aclosing(answering) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                streamed += event.text
            yield _event(event, conversation, streamed)


def _event(event: AnswerEvent, conversation: ConversationId, streamed: str) -> Event:
    """The event as clients see it; `streamed` is the text of all deltas until now."""
    match event:
        case SourcesFound(results):
            found = [SourceOut.of(result).model_dump(mode="json") for result in results]
            return Event("search_results", {"results": found})
        case TextDelta(text):
            return Event("message", {"delta": text})
        case CitationAdded(citation):
            return Event("citation", CitationOut.of(citation).model_dump(mode="json"))
        case AnswerFinished(answer):
            whole = AnswerOut.of(answer, conversation, is_revised=answer.text != streamed)
            return Event("final_answer", whole.model_dump(mode="json"))


def _wants(request: Request, stream: bool) -> bool:
    return stream or "text/event-stream" in request.headers.get("accept", "")


def _known(identity: UUID | None) -> ConversationId | None:
    return None if identity is None else ConversationId(identity)
