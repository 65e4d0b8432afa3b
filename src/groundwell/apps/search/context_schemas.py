"""What the collection of context takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field

from groundwell.domain.context import ContextSource
from groundwell.domain.documents import DEFAULT_COLLECTION
from groundwell.domain.search import SearchResult, SearchType
from groundwell.generation.passages import PageLocator
from groundwell.generation.select import SelectedContext
from groundwell.web.fields import WHOLE, CollectionName, Flag, Number, QueryText, Whole
from groundwell.web.filter_schema import Filter
from groundwell.web.search_switches import SearchSwitchesIn


class ContextIn(SearchSwitchesIn):
    """A question for which a language model shall get context."""

    query: QueryText
    collection: CollectionName = DEFAULT_COLLECTION
    max_chars: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = Field(
        default=None, description="Most characters, marks and names included."
    )
    passages: Whole = Field(
        default=10, ge=1, le=50, description="Most passages that sentences are taken from."
    )
    search_type: SearchType = SearchType.HYBRID
    threshold: Number | None = Field(
        default=None, ge=0, le=1, description="Least score of a passage."
    )
    filter: Filter = Field(default_factory=dict)
    rerank: Flag = True


class SpanOut(BaseModel):
    """A sentence in the context: `document_text[char_start:char_end]`, verbatim."""

    char_start: int
    char_end: int
    page: int | None


class ContextSourceOut(BaseModel):
    """A passage, `document_text[char_start:char_end]`, that stands in the context as `[number]`.

    `spans` are its sentences that are shown, in order; `page` is that of the first one.
    """

    number: int
    document_id: str
    chunk_id: str
    version: int
    filename: str
    title: str | None
    score: float
    page: int | None
    char_start: int
    char_end: int
    spans: list[SpanOut]

    @classmethod
    def of(
        cls, source: ContextSource, result: SearchResult, pages: PageLocator
    ) -> ContextSourceOut:
        """The source as clients see it."""
        spans = [
            SpanOut(
                char_start=result.char_start + start,
                char_end=result.char_start + end,
                page=pages.page_at(result, result.char_start + start),
            )
            for start, end in source.spans
        ]
        return cls(
            number=source.number,
            document_id=result.document_id,
            chunk_id=result.chunk_id,
            version=result.version,
            filename=result.filename,
            title=result.title,
            score=result.score,
            page=spans[0].page,
            char_start=result.char_start,
            char_end=result.char_end,
            spans=spans,
        )


@dataclass(frozen=True, slots=True)
class Collected:
    """A context with the pages of its sources and the milliseconds that it took."""

    selected: SelectedContext
    pages: PageLocator
    timings_ms: Mapping[str, float]


class ContextOut(BaseModel):
    """The context, empty where nothing fits; tokens are those of the embedding model.

    `is_cut` tells that one sentence was longer than the whole budget and ends early.
    """

    context: str
    characters: int
    tokens: int
    is_cut: bool
    sources: list[ContextSourceOut]
    timings_ms: dict[str, float]
    degraded: list[str]

    @classmethod
    def of(cls, collected: Collected) -> ContextOut:
        """The context as clients see it."""
        selected, context = collected.selected, collected.selected.context
        return cls(
            context=context.text,
            characters=context.characters,
            tokens=context.tokens,
            is_cut=context.is_cut,
            sources=[
                ContextSourceOut.of(source, result, collected.pages)
                for source, result in zip(context.sources, selected.sources, strict=True)
            ],
            timings_ms={stage: round(ms, 3) for stage, ms in collected.timings_ms.items()},
            degraded=list(selected.degraded),
        )
