"""HTTP: conversations."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from groundwell.apps.ask import service
from groundwell.apps.ask.schemas import (
    ConversationDetail,
    ConversationIn,
    ConversationList,
    ConversationOut,
    MessageOut,
)
from groundwell.domain.answers import ConversationId
from groundwell.web.deps import App, Reader
from groundwell.web.json_body import StrictJsonRoute

router = APIRouter(prefix="/conversations", tags=["conversations"], route_class=StrictJsonRoute)


@router.post("", status_code=201, summary="Begin a conversation")
async def create_conversation(app: App, caller: Reader, body: ConversationIn) -> ConversationOut:
    """An empty conversation. Asking without one begins one as well."""
    return ConversationOut.of(await service.create_conversation(app, caller, body.title))


@router.get("", summary="List conversations")
async def list_conversations(
    app: App,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> ConversationList:
    """The caller's conversations, the one used last first."""
    found = await service.list_conversations(app, caller, limit, offset)
    return ConversationList(conversations=[ConversationOut.of(item) for item in found])


@router.get("/{conversation_id}", summary="Read a conversation")
async def read_conversation(
    app: App,
    caller: Reader,
    conversation_id: UUID,
    last: Annotated[int, Query(ge=1, le=1000, description="How many messages.")] = 200,
) -> ConversationDetail:
    """A conversation with its last messages, oldest first."""
    conversation, messages = await service.read_conversation(
        app, caller, ConversationId(conversation_id), last
    )
    return ConversationDetail(
        **ConversationOut.of(conversation).model_dump(),
        messages=[MessageOut.of(message) for message in messages],
    )


@router.delete("/{conversation_id}", status_code=204, summary="Delete a conversation")
async def delete_conversation(app: App, caller: Reader, conversation_id: UUID) -> None:
    """Remove the conversation with its messages."""
    await service.delete_conversation(app, caller, ConversationId(conversation_id))
