"""What search takes and gives."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field

from groundwell.apps.search.explained import ExplanationOut
from groundwell.domain.documents import DEFAULT_COLLECTION
from groundwell.domain.search import SearchResponse, SearchResult, SearchType
from groundwell.web.fields import CollectionName, Flag, Number, QueryText, Whole
from groundwell.web.filter_schema import Filter
from groundwell.web.search_switches import SearchSwitchesIn


class SearchIn(SearchSwitchesIn):
    """A search."""

    query: QueryText
    collection: CollectionName = DEFAULT_COLLECTION
    search_type: SearchType = SearchType.HYBRID
    limit: Whole = Field(default=10, ge=1, le=200)
    threshold: Number = Field(default=0.0, ge=0, le=1, description="Least score of a result.")
    filter: Filter = Field(default_factory=dict)
    rerank: Flag = True
    explain: Flag = False


class ResultOut(BaseModel):
    """A passage. `text` is `document_text[char_start:char_end]`, verbatim."""

    document_id: str
    chunk_id: str
    filename: str
    title: str | None
    text: str
    score: float
    page: int | None
    char_start: int
    char_end: int
    version: int
    heading_path: list[str]
    metadata: dict[str, Any]
    explain: ExplanationOut | None = None

    @classmethod
    def of(cls, result: SearchResult) -> ResultOut:
        """The result as clients see it."""
        explanation = result.explanation
        return cls(
            document_id=result.document_id,
            chunk_id=result.chunk_id,
            filename=result.filename,
            title=result.title,
            text=result.text,
            score=result.score,
            page=result.page,
            char_start=result.char_start,
            char_end=result.char_end,
            version=result.version,
            heading_path=list(result.heading_path),
            metadata=dict(result.metadata),
            explain=None if explanation is None else ExplanationOut.of(explanation),
        )


class CorrectionOut(BaseModel):
    """A misspelt word: the keyword leg took `corrected` for `original == query[start:end]`."""

    original: str
    corrected: str
    start: int
    end: int


class UnderstoodOut(BaseModel):
    """What the search made of the query. The keyword leg took `processed_query`."""

    original_query: str
    processed_query: str
    intent: str
    confidence: float
    reason: str


class SearchOut(BaseModel):
    """The results, best first, and the milliseconds that each stage took.

    `corrections`: words of the query that were taken for misspelt; `query`: how it was understood,
    when `explain` was asked for.
    """

    results: list[ResultOut]
    timings_ms: dict[str, float]
    degraded: list[str]
    corrections: list[CorrectionOut]
    query: UnderstoodOut | None = None

    @classmethod
    def of(cls, response: SearchResponse) -> SearchOut:
        """The response as clients see it."""
        understood = response.understood
        return cls(
            results=[ResultOut.of(result) for result in response.results],
            timings_ms={stage: round(ms, 3) for stage, ms in response.timings_ms.items()},
            degraded=list(response.degraded),
            corrections=[CorrectionOut(**asdict(each)) for each in response.corrections],
            query=None if understood is None else UnderstoodOut(**asdict(understood)),
        )
