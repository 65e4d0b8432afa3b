"""What the context endpoints decide."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson

from groundwell.apps.context.kinds import documents_of, own_documents, source_of
from groundwell.apps.context.schemas import (
    ContextItem,
    EmbeddingIn,
    EmbeddingOut,
    HybridResult,
    HybridSearchIn,
    HybridSearchOut,
    RagQueryIn,
    RagQueryOut,
    RankedText,
    RerankIn,
    RerankOut,
)
from groundwell.domain.documents import check_metadata
from groundwell.domain.errors import ForbiddenError, InvalidInputError, NotFoundError
from groundwell.domain.identity import Principal, Scope
from groundwell.domain.privacy import names_in_profile, scrub
from groundwell.domain.search import SearchRequest, SearchResponse, SearchType
from groundwell.domain.sharing import Viewer
from groundwell.domain.timing import StageClock
from groundwell.services import Services
from groundwell.store.collections import ensure_collection
from groundwell.store.intake import NewDocument, accept_documents
from groundwell.web.quotas import enforce_quotas

COLLECTION = "context"
"""Holds what users' applications remembered, and the general knowledge that belongs to it."""

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Body]):
    """A body, and beside it what its fields have no place for."""

    body: Body
    timings_ms: Mapping[str, float]
    degraded: tuple[str, ...] = ()


async def remember(
    services: Services, caller: Principal, given: EmbeddingIn
) -> Answer[EmbeddingOut]:
    """Embed a text and take it in as a document. When this returns, it survives a crash.

    Personal data are replaced first, so that neither the vector nor the stored text holds them.
    The vector is that of the text's first `max_tokens` tokens.
    """
    _check_user(caller, given.user_id)
    clock = StageClock()
    document = await asyncio.to_thread(_document, given)
    with clock.stage("embed"):
        (encoding,) = await services.embedder.embed_documents([document.text or ""])
    with clock.stage("store"):
        await _accept(services, caller, document)
    vector: list[float] = encoding.vector.tolist()
    body = EmbeddingOut(embedding=vector, dimension=len(vector), model=services.embedder.model)
    return Answer(body, clock.timings())


async def search(
    services: Services, caller: Principal, wanted: HybridSearchIn
) -> Answer[HybridSearchOut]:
    """Search what is remembered of a user."""
    _check_user(caller, wanted.user_id)
    found = await _search(
        services,
        SearchRequest(
            tenant=caller.tenant,
            collection=COLLECTION,
            query=await _scrubbed(wanted.query),
            search_type=wanted.search_type,
            limit=wanted.limit,
            threshold=wanted.threshold,
            filter=own_documents(wanted.user_id),
            viewer=Viewer.of(caller),
        ),
    )
    results = [
        HybridResult(
            content=result.text,
            score=result.score,
            type=str(result.metadata.get("content_type", "document")),
            metadata={k: v for k, v in result.metadata.items() if k not in _RESERVED},
        )
        for result in found.results
    ]
    return Answer(
        HybridSearchOut(results=results, degraded=_named(found.degraded)),
        found.timings_ms,
        found.degraded,
    )


async def rerank(services: Services, caller: Principal, wanted: RerankIn) -> Answer[RerankOut]:
    """Put texts in order. Equal scores keep the order in which the texts came."""
    _check_user(caller, wanted.user_id)
    query, *texts = await asyncio.to_thread(
        lambda: [scrub(text) for text in (wanted.query, *wanted.candidates)]
    )
    ranking = await services.ranker.rank(query, texts)
    places = range(len(texts))
    best = sorted(places, key=lambda place: -ranking.scores[place])[: wanted.top_k]
    ranked = [
        RankedText(
            content=wanted.candidates[place],
            relevance_score=ranking.scores[place],
            original_rank=place + 1,
        )
        for place in best
    ]
    return Answer(
        RerankOut(reranked=ranked, degraded=_named(ranking.degraded)),
        ranking.timings_ms,
        ranking.degraded,
    )


async def find_context(
    services: Services, caller: Principal, wanted: RagQueryIn
) -> Answer[RagQueryOut]:
    """What the wanted kinds of context hold that fits the query."""
    _check_user(caller, wanted.user_id)
    kinds = wanted.include_context
    found = await _search(
        services,
        SearchRequest(
            tenant=caller.tenant,
            collection=COLLECTION,
            query=await _scrubbed(wanted.query),
            limit=wanted.max_context_items,
            threshold=services.answers.threshold,
            filter=documents_of(wanted.user_id, kinds),
            viewer=Viewer.of(caller),
        ),
    )
    context = [
        ContextItem(
            source=source_of(result.metadata, kinds), content=result.text, relevance=result.score
        )
        for result in found.results
    ]
    has_embedder = "embedder" not in found.degraded
    body = RagQueryOut(
        context=context,
        embeddings_used=[services.embedder.model] if has_embedder else [],
        search_strategy=_strategy(found, has_embedder=has_embedder),
        degraded=_named(found.degraded),
    )
    return Answer(body, found.timings_ms, found.degraded)


_RESERVED = ("user_id", "content_type")
_PROFILE = "profile"


def _check_user(caller: Principal, user_id: str) -> None:
    """A service's key speaks for all users of its tenant, any other only for its own."""
    if user_id != str(caller.user_id) and Scope.ADMIN not in caller.scopes:
        raise ForbiddenError(
            "This key may act for its own user only: send that user's id, or use a key with the "
            "scope 'admin'.",
            code="foreign_user",
        )


def _document(given: EmbeddingIn) -> NewDocument:
    metadata = {k: v for k, v in given.metadata.items() if k != _PROFILE}
    own = {"user_id": given.user_id, "content_type": given.content_type.value}
    for name, value in own.items():
        if metadata.get(name, value) != value:
            raise InvalidInputError(
                f"metadata.{name} contradicts the field {name}: leave it out.",
                code="reserved_metadata",
            )
    metadata |= own
    check_metadata(metadata)
    text = scrub(given.text.strip(), names_in_profile(given.metadata.get(_PROFILE)))
    # Another user's text, or the same words on another day, is another document.
    identity = orjson.dumps([text, metadata], option=orjson.OPT_SORT_KEYS)
    return NewDocument(
        filename=f"{given.content_type}.txt",
        media_type="text/plain",
        file_size=len(text.encode()),
        sha256=hashlib.sha256(identity).digest(),
        text=text,
        metadata=metadata,
    )


async def _accept(services: Services, caller: Principal, document: NewDocument) -> None:
    tenant = caller.tenant
    async with services.database.transaction(tenant) as connection:
        collection = await ensure_collection(connection, tenant, COLLECTION, services.chunking)
        accepted = await accept_documents(
            connection, tenant, collection.id, [document], caller.user_id
        )
        work = [item.uid for item in accepted if item.has_work]
        await services.ingestion.defer(connection, tenant, work)
        if work:
            await enforce_quotas(services, connection, caller)


async def _scrubbed(query: str) -> str:
    return await asyncio.to_thread(scrub, query)


async def _search(services: Services, request: SearchRequest) -> SearchResponse:
    """The search; nothing is found where nothing was remembered yet."""
    try:
        return await services.retriever.search(request)
    except NotFoundError:
        return SearchResponse((), {})


def _named(degraded: tuple[str, ...]) -> list[str] | None:
    return list(degraded) or None


def _strategy(found: SearchResponse, *, has_embedder: bool) -> str:
    legs = SearchType.HYBRID if has_embedder else SearchType.KEYWORD
    return f"{legs}+rerank" if found.results and found.is_reranked else legs
