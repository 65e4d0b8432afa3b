"""What search takes and gives."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from groundwell.domain.documents import DEFAULT_COLLECTION
from groundwell.domain.search import Explanation, SearchResponse, SearchResult, SearchType
from groundwell.web.fields import CollectionName, QueryText


class SearchIn(BaseModel):
    """A search."""

    model_config = ConfigDict(extra="forbid")

    query: QueryText
    collection: CollectionName = DEFAULT_COLLECTION
    search_type: SearchType = SearchType.HYBRID
    limit: int = Field(default=10, ge=1, le=200)
    threshold: float = Field(default=0.0, ge=0, le=1, description="Least score of a result.")
    filter: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Conditions on metadata: $eq $ne $in $nin $gt $gte $lt $lte $and $or $not.",
        examples=[{"year": {"$gte": 2020}}],
    )
    rerank: bool = True
    explain: bool = False


class ExplanationOut(BaseModel):
    """Every stage's score; null where the stage did not see the passage."""

    dense: float | None
    keyword: float | None
    fused: float
    rerank: float | None
    rank_fused: int
    rank_final: int

    @classmethod
    def of(cls, explanation: Explanation) -> ExplanationOut:
        """The explanation as clients see it."""
        return cls(
            dense=explanation.dense,
            keyword=explanation.keyword,
            fused=explanation.fused,
            rerank=explanation.rerank,
            rank_fused=explanation.rank_fused,
            rank_final=explanation.rank_final,
        )


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


class SearchOut(BaseModel):
    """The results, best first, and the milliseconds that each stage took."""

    results: list[ResultOut]
    timings_ms: dict[str, float]
    degraded: list[str]

    @classmethod
    def of(cls, response: SearchResponse) -> SearchOut:
        """The response as clients see it."""
        return cls(
            results=[ResultOut.of(result) for result in response.results],
            timings_ms={stage: round(ms, 3) for stage, ms in response.timings_ms.items()},
            degraded=list(response.degraded),
        )
