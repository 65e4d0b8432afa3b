"""HTTP: questions."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from groundwell.apps.quiz import learning, service
from groundwell.apps.quiz.exports.export import MEDIA_TYPES, export_as
from groundwell.apps.quiz.exports.formats import ExportFormat
from groundwell.apps.quiz.learning_schemas import (
    DueList,
    DueOut,
    ReviewIn,
    ReviewOut,
    StandingList,
    StandingOut,
)
from groundwell.apps.quiz.remembered import QuizMemory
from groundwell.apps.quiz.schemas import ChatIn, ChatOut, GenerateIn, QuestionId, QuestionSetOut
from groundwell.apps.quiz.service import Generated
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.limits import MOST_QUESTIONS
from groundwell.services import Services
from groundwell.web.deps import App, Reader
from groundwell.web.json_body import StrictJsonRoute
from groundwell.web.measures import TOLD_DEGRADED, tell_degraded

router = APIRouter(tags=["questions"], route_class=StrictJsonRoute)

_GENERATED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            **TOLD_DEGRADED[200]["headers"],
            "Cache-Status": {
                "description": "There if the questions were made before (RFC 9211).",
                "schema": {"const": "groundwell; hit"},
            },
        }
    }
}
_FILE = {"schema": {"type": "string", "format": "binary"}}
_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "headers": {"Content-Disposition": {"required": True, "schema": {"type": "string"}}},
        "content": dict.fromkeys(MEDIA_TYPES, _FILE),
    }
}


async def _memory_of(request: Request) -> QuizMemory:
    memory: QuizMemory = request.app.state.quiz
    return memory


Quiz = Annotated[QuizMemory, Depends(_memory_of)]


@router.post(
    "/api/chat/generate-questions", summary="Make questions as a text", responses=_GENERATED
)
async def chat(app: App, quiz: Quiz, caller: Reader, body: ChatIn, response: Response) -> ChatOut:
    """Questions about a topic, or about all documents, as one Markdown text of a fixed layout.

    A topic that nobody wrote about gives a text that says so. Practice begins with what is due.
    """
    generated = await service.generate(app, quiz, caller, body.wanted())
    _tell(response, app, generated)
    return ChatOut.of(generated.text)


@router.post("/api/v1/questions/generate", summary="Make questions", responses=_GENERATED)
async def generate(
    app: App, quiz: Quiz, caller: Reader, body: GenerateIn, response: Response
) -> QuestionSetOut:
    """The same as objects. The set is kept for the caller, and can be exported and practised."""
    generated = await service.generate(app, quiz, caller, body.wanted())
    identity = await service.keep(app, caller, generated.questions)
    _tell(response, app, generated)
    return QuestionSetOut.of(identity, generated.questions)


@router.post("/api/v1/questions/review", summary="Answer a question")
async def review(app: App, caller: Reader, body: ReviewIn) -> ReviewOut:
    """Whether the answer is right, and when to ask again, by FSRS."""
    answered = await learning.review(
        app, caller, body.question_id, body.answer, body.rating, body.ms, body.set_id
    )
    return ReviewOut.of(answered)


@router.get("/api/v1/questions/due", summary="List what is due")
async def due(
    app: App, caller: Reader, limit: Annotated[int, Query(ge=1, le=MOST_QUESTIONS)] = 25
) -> DueList:
    """The caller's questions that are to be asked again now."""
    found = await learning.list_due(app, caller, limit)
    return DueList(questions=[DueOut.of(each) for each in found])


@router.get("/api/v1/questions/statistics", summary="See how questions do")
async def statistics(
    app: App,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> StandingList:
    """What everybody's answers tell of those of the caller's questions that were answered."""
    found = await learning.statistics(app, caller, limit, offset)
    return StandingList(questions=[StandingOut.of(each) for each in found])


@router.get(
    "/api/v1/questions/export",
    summary="Export questions",
    response_class=Response,
    responses=_EXPORTED,
)
async def export(
    app: App,
    caller: Reader,
    export_format: Annotated[ExportFormat, Query(alias="format")] = ExportFormat.MARKDOWN,
    set_id: UUID | None = None,
    question_id: Annotated[list[QuestionId] | None, Query(max_length=MOST_QUESTIONS)] = None,
) -> Response:
    """A set of the caller's as it was shown, as a file for other programs.

    Without a `set_id`, the newest that has questions. Or single questions, by their ids.
    """
    if set_id is not None and question_id:
        raise InvalidInputError(
            "Name a `set_id` or the `question_id` of each question, not both.",
            code="invalid_export",
        )
    if question_id:
        questions = await service.read_questions(app, caller, question_id)
    else:
        questions = await service.read_set(app, caller, set_id)
    file = await asyncio.to_thread(export_as, export_format, questions)
    named = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return Response(file.content, media_type=file.media_type, headers=named)


def _tell(response: Response, app: Services, generated: Generated) -> None:
    if generated.is_remembered:
        response.headers["Cache-Status"] = "groundwell; hit"
    tell_degraded(response, app.metrics, generated.questions.degraded)
