"""What questions are made of: passages about a topic, or from all over the documents."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from groundwell.apps.quiz.questions import Passage, Question
from groundwell.apps.quiz.wanted import Wanted
from groundwell.apps.quiz.whole_sentences import whole_sentences
from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import SAMPLE_COLLECTION
from groundwell.domain.errors import NotFoundError, ProviderError, UnavailableError
from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.domain.search_switches import SearchSwitches
from groundwell.domain.sharing import Viewer
from groundwell.generation.extract import (
    MIN_COVERAGE,
    add_cosines,
    is_covered,
    is_supported,
    score_sentences,
    score_verbatim,
)
from groundwell.services import Services
from groundwell.store.corpus import CorpusChunk, CorpusPart, load_around, spread_chunks
from groundwell.store.passages import load_pages

MOST_PASSAGES = 400
"""However many questions are wanted: to read a passage takes some milliseconds."""
_MOST_FOUND = 200
_REACH = 1
_MOST_SEARCHED = 10
"""Of more collections those are searched for a topic whose best passages fit it best."""
_PROOFS_OF_EACH = 3
_MOST_PROOFS = 30
"""To read a passage for a claim costs as much as to look for the claim in a collection."""
_LEAST_SCORE = 0.25
"""A best passage that has this score and holds all words of a topic is about it."""
_MOST_EMBEDDED = 8
"""Sentences that are embedded to judge whether anybody wrote about a topic: 2 ms for each."""
_RELATIVE_SCORE = 0.5
"""A passage with less than this share of the best one's score is about something else."""


@dataclass(frozen=True, slots=True)
class Materials:
    """Passages to make questions of, those that fit best first where there is a topic.

    `chunks` were read for them: in some no sentence begins.
    `are_all`: asking for more would bring no others. `is_everything`: nothing else stands in the
    collections that the caller may see, on whatever it may be. `degraded`: what the search lacked.
    """

    passages: tuple[Passage, ...]
    chunks: tuple[ChunkId, ...] = ()
    are_all: bool = True
    is_everything: bool = False
    degraded: tuple[str, ...] = ()


def choose_parts(corpus: Sequence[CorpusPart], collection: str | None) -> tuple[CorpusPart, ...]:
    """The collections that questions come from.

    Without a name these are all that hold something; the samples only where nothing else is. Raises
    NotFoundError for a name that the tenant does not have.
    """
    if collection is not None:
        named = tuple(part for part in corpus if part.name == collection)
        if not named:
            raise NotFoundError(
                f"There is no collection '{collection}'.", code="collection_not_found"
            )
        return named
    held = tuple(part for part in corpus if part.chunks)
    own = tuple(part for part in held if part.name != SAMPLE_COLLECTION)
    return own or held


async def collect(
    services: Services,
    viewer: Viewer,
    wanted: Wanted,
    parts: Sequence[CorpusPart],
    most: int,
    *,
    are_more: bool = False,
) -> Materials:
    """About `most` passages; more of them include those that fewer are.

    `are_more`: fewer were collected before, and are about the topic.
    """
    if wanted.topic is None:
        found = await _from_all_over(services, viewer, wanted, parts, most)
    else:
        answer = await _find(services, viewer, wanted, wanted.topic, parts)
        # To judge it costs as much as to make the questions.
        if not are_more and not await _speaks_of(services, wanted.topic, answer):
            return Materials((), degraded=answer.degraded)
        found = await _near(services, viewer, answer, most)
    held = sum(part.chunks for part in parts)
    return replace(found, is_everything=len(found.chunks) >= held)


async def _from_all_over(
    services: Services, viewer: Viewer, wanted: Wanted, parts: Sequence[CorpusPart], most: int
) -> Materials:
    chance = random.Random(wanted.seed)
    collections = [part.version.collection for part in parts]
    start = chance.random()
    chunks = await spread_chunks(services.database, viewer, collections, wanted.filter, most, start)
    # Of equals, the first are asked about: not always those of the first document.
    chance.shuffle(chunks)
    held = sum(part.chunks for part in parts)
    return _materials(chunks, are_all=held <= most)


async def _find(
    services: Services, viewer: Viewer, wanted: Wanted, topic: str, parts: Sequence[CorpusPart]
) -> SearchResponse:
    # Always as many, so that whoever asks for more passages finds the search remembered.
    names = await _searched(services, viewer, wanted, topic, parts)
    answers = await asyncio.gather(
        *(_search(services, viewer, wanted, topic, name) for name in names)
    )
    return _merged(answers)


async def _searched(
    services: Services, viewer: Viewer, wanted: Wanted, topic: str, parts: Sequence[CorpusPart]
) -> list[str]:
    """The collections that are searched: all, or of many those where the topic is found at all."""
    names = [part.name for part in parts]
    if len(names) <= _MOST_SEARCHED:
        return names
    encoding = None
    with suppress(ProviderError, UnavailableError):
        encoding = await services.embedder.embed_query(topic)
    return await services.corpus_finder.nearest(
        viewer, names, topic, encoding, wanted.filter, _MOST_SEARCHED
    )


async def _near(services: Services, viewer: Viewer, found: SearchResponse, most: int) -> Materials:
    """The best that was found, and what stands around it."""
    least = found.results[0].score * _RELATIVE_SCORE
    near = [result.chunk_id for result in found.results if result.score >= least]
    # About as many again are around them.
    chosen = near[: max(1, most // 2)]
    chunks = await load_around(services.database, viewer, chosen, _REACH)
    place = {chunk: rank for rank, chunk in enumerate(chosen)}
    # Sorting keeps the neighbours, which were not found themselves, in the documents' order.
    ordered = sorted(chunks, key=lambda chunk: place.get(chunk.id, len(place)))
    are_all = len(chosen) == len(near)
    return replace(_materials(ordered, are_all=are_all), degraded=found.degraded)


async def _search(
    services: Services, viewer: Viewer, wanted: Wanted, topic: str, collection: str
) -> SearchResponse:
    return await services.retriever.search(
        SearchRequest(
            tenant=viewer.tenant,
            collection=collection,
            query=topic,
            limit=_MOST_FOUND,
            threshold=services.answers.threshold,
            filter=wanted.filter,
            switches=SearchSwitches(variants=True),
            viewer=viewer,
        )
    )


def _merged(answers: Sequence[SearchResponse]) -> SearchResponse:
    """The best of several searches: a score means the same in all of them."""
    results = [result for answer in answers for result in answer.results]
    results.sort(key=lambda result: (-result.score, result.chunk_id))
    return SearchResponse(
        results=tuple(results[:_MOST_FOUND]),
        timings_ms={},
        encoding=next((answer.encoding for answer in answers if answer.encoding), None),
        degraded=tuple(dict.fromkeys(part for answer in answers for part in answer.degraded)),
    )


async def search_claims(
    services: Services, viewer: Viewer, parts: Sequence[CorpusPart], claims: Sequence[str]
) -> dict[str, list[Passage]]:
    """The passages in which each claim might stand, by its words, in all collections."""
    names = [part.name for part in parts]
    found = await services.corpus_finder.find(viewer, names, claims, _PROOFS_OF_EACH, _MOST_PROOFS)
    chunks = list(dict.fromkeys(chunk for claim in found for chunk in claim))
    read = await load_around(services.database, viewer, chunks, 0)
    passages = {passage.chunk_id: passage for passage in passages_of(read)}
    return {
        claim: [passages[chunk] for chunk in chunks if chunk in passages]
        for claim, chunks in zip(claims, found, strict=True)
    }


async def _speaks_of(services: Services, topic: str, found: SearchResponse) -> bool:
    """Whether anybody wrote about the topic, judged as for an answer.

    The best passages that there are need not be about it.
    """
    if not found.results:
        return False
    is_near = found.results[0].score >= _LEAST_SCORE
    if is_near and await asyncio.to_thread(is_covered, topic, found):
        return True
    scored = await score_sentences(topic, found, None)
    # However near its meaning is, a sentence with fewer of the words is no support.
    near = [sentence for sentence in scored if sentence.coverage >= MIN_COVERAGE][:_MOST_EMBEDDED]
    if near:
        with suppress(ProviderError, UnavailableError):
            near = await add_cosines(topic, found, near, services.embedder)
    return is_supported(near) or bool(await asyncio.to_thread(score_verbatim, topic, found))


async def with_pages(
    services: Services, viewer: Viewer, questions: Sequence[Question]
) -> tuple[Question, ...]:
    """The questions with the pages on which their quotes begin, not those of their passages."""
    chunks = sorted({question.source.chunk_id for question in questions})
    pages = await load_pages(services.database, viewer, chunks)
    placed = []
    for question in questions:
        source = question.source
        spans = pages.get(source.chunk_id, ())
        index = bisect_right(spans, source.start, key=lambda span: span.char_start) - 1
        if index >= 0:
            source = replace(source, page=spans[index].page)
        placed.append(replace(question, source=source))
    return tuple(placed)


def _materials(chunks: Sequence[CorpusChunk], *, are_all: bool) -> Materials:
    return Materials(tuple(passages_of(chunks)), tuple(chunk.id for chunk in chunks), are_all)


def passages_of(chunks: Sequence[CorpusChunk]) -> Iterator[Passage]:
    """What stands in chunks, in whole sentences; nothing of those in which none begins."""
    for chunk in chunks:
        whole = whole_sentences(chunk.before, chunk.text, chunk.after)
        if whole is not None:
            yield Passage(
                chunk_id=chunk.id,
                document_id=chunk.document_id,
                version=chunk.version,
                filename=chunk.filename,
                title=chunk.title,
                page=chunk.page,
                char_start=chunk.char_start + whole.start,
                text=whole.text,
                heading_path=chunk.heading_path,
                language=chunk.language,
                lead=whole.lead,
            )
