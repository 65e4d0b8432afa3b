"""From the passages found to the context that a language model is shown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from groundwell.domain.context import Context, ContextPassage
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.domain.queries import put_right
from groundwell.domain.search import SearchResponse, SearchResult
from groundwell.generation.candidates import Candidate, candidates_of
from groundwell.generation.context import optimise_context
from groundwell.generation.context_format import NUMBERED_BLOCKS, ContextFormat
from groundwell.ports.embedder import Embedder

DEGRADED = "embedder"
"""What `SelectedContext.degraded` names when sentences could not be embedded."""

MAX_EMBEDDED = 16
"""How many sentences are compared with the query by meaning: those that words and passages favour.

Measured on the sample questions, ten passages with 59 sentences each: of the text chosen when all
are compared, 16 keep 100 % at 300 characters, 96 % at 1,000 and 92 % at 4,000.
"""


@dataclass(frozen=True, slots=True)
class SelectedContext:
    """A context; `sources[n - 1]` is the result that stands in it as source n."""

    context: Context
    sources: tuple[SearchResult, ...]
    degraded: tuple[str, ...] = ()


async def select_context(
    query: str,
    response: SearchResponse,
    embedder: Embedder,
    budget_chars: int,
    form: ContextFormat = NUMBERED_BLOCKS,
) -> SelectedContext:
    """The sentences of the results that bear on the query, in `budget_chars` characters at most.

    Words are those of the corrected query, meaning that of the query as it was written. When the
    embedder is away, words and passages alone decide and `degraded` names it.
    """
    degraded = response.degraded
    passages = [_passage(result) for result in response.results]
    words = put_right(query, response.corrections)
    # Many long passages take a tenth of a second, in which others should not have to wait.
    candidates = await asyncio.to_thread(candidates_of, words, passages, form)
    try:
        candidates = await _compared(query, response, candidates, embedder)
    except (ProviderError, UnavailableError):
        degraded = tuple(dict.fromkeys((*degraded, DEGRADED)))
    context = await asyncio.to_thread(
        optimise_context, candidates, passages, embedder.tokenizer, budget_chars, form
    )
    sources = tuple(response.results[source.passage] for source in context.sources)
    return SelectedContext(context, sources, degraded)


def _passage(result: SearchResult) -> ContextPassage:
    return ContextPassage(
        result.text,
        result.title or result.filename,
        # Text that was joined to a passage may stand under other headings.
        () if result.is_joined else result.heading_path,
        result.score,
        result.page,
        result.language,
    )


async def _compared(
    query: str, response: SearchResponse, candidates: list[Candidate], embedder: Embedder
) -> list[Candidate]:
    """The candidates with their cosine to the query: the most promising ones' own.

    The others, which words and passages favour less, are taken to be as near as the median one.
    """
    if not candidates:
        return []
    encoding = response.encoding or await embedder.embed_query(query)
    ranked = sorted(range(len(candidates)), key=lambda place: -candidates[place].score)
    promising = ranked[:MAX_EMBEDDED]
    encodings = await embedder.embed_documents([_text(candidates[i], response) for i in promising])
    cosines = [float(np.dot(encoding.vector, each.vector)) for each in encodings]
    compared = [replace(candidate, similarity=median(cosines)) for candidate in candidates]
    for place, cosine in zip(promising, cosines, strict=True):
        compared[place] = replace(candidates[place], similarity=cosine)
    return compared


def _text(candidate: Candidate, response: SearchResponse) -> str:
    return response.results[candidate.passage].text[candidate.start : candidate.end]
