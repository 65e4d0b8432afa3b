"""HTTP: context of users."""

from __future__ import annotations

from fastapi import APIRouter, Response

from groundwell.apps.context import service
from groundwell.apps.context.schemas import (
    EmbeddingIn,
    EmbeddingOut,
    HybridSearchIn,
    HybridSearchOut,
    RagQueryIn,
    RagQueryOut,
    RerankIn,
    RerankOut,
)
from groundwell.apps.context.service import Answer, Body
from groundwell.services import Services
from groundwell.web.deps import App, Reader, Writer
from groundwell.web.json_body import StrictJsonRoute
from groundwell.web.measures import TOLD_TIMINGS, tell_degraded, tell_timings

router = APIRouter(
    prefix="/api/v1", tags=["context"], route_class=StrictJsonRoute, responses=TOLD_TIMINGS
)


@router.post("/embeddings/generate", summary="Embed and remember a text of a user")
async def generate_embedding(
    app: App, caller: Writer, response: Response, body: EmbeddingIn
) -> EmbeddingOut:
    """The text's vector at once. The text is stored and can be searched soon after.

    E-mail and IP addresses, telephone numbers, cards, IBANs, postal addresses and the names in
    `metadata.profile` are replaced by placeholders such as `[email]` before anything else happens.
    """
    return _told(app, response, await service.remember(app, caller, body))


@router.post(
    "/search/hybrid", summary="Search the texts of a user", response_model_exclude_none=True
)
async def search_hybrid(
    app: App, caller: Reader, response: Response, body: HybridSearchIn
) -> HybridSearchOut:
    """The passages that fit best. `threshold` is compared with `score`, in [0, 1]."""
    return _told(app, response, await service.search(app, caller, body))


@router.post("/rerank", summary="Put texts in order of relevance", response_model_exclude_none=True)
async def rerank(app: App, caller: Reader, response: Response, body: RerankIn) -> RerankOut:
    """The best `top_k` candidates, best first. Nothing is stored."""
    return _told(app, response, await service.rerank(app, caller, body))


@router.post(
    "/rag/query", summary="Collect context for a question", response_model_exclude_none=True
)
async def rag_query(app: App, caller: Reader, response: Response, body: RagQueryIn) -> RagQueryOut:
    """The passages of a user, and of general knowledge, that a model should see."""
    return _told(app, response, await service.find_context(app, caller, body))


def _told(app: Services, response: Response, answer: Answer[Body]) -> Body:
    tell_timings(response, answer.timings_ms)
    tell_degraded(response, app.metrics, answer.degraded)
    return answer.body
