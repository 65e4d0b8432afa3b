"""Settings: how documents are cut and found, and what answers are drawn from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from pydantic_settings import NoDecode

from groundwell.settings.tables import NamedValues

Weight = Annotated[float, Field(ge=0, le=1)]


class RankingWeights(BaseModel):
    """The weights of the three lists that a ranking is made of.

    `keyword`: unless given, what `dense` leaves of 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dense: Weight = 0.5
    keyword: Weight | None = None
    metadata: Weight = 0.0


class CacheSeconds(BaseModel):
    """How long a cache gives things again, in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    embeddings: PositiveInt = 3600
    results: PositiveInt = 3600
    responses: PositiveInt = 1800


class RetrievalSettings(BaseModel):
    """What the steps of a search do unless a request says otherwise."""

    chunking: Literal["passage", "recursive", "tokens"] = Field(
        default="passage", description="How documents of new collections are cut into chunks."
    )
    reranker: Literal["late_interaction", "cross_encoder", "http", "none"] = Field(
        default="late_interaction", description="What reranks the best candidates."
    )
    reranker_timeout: float = Field(
        default=5.0,
        gt=0,
        description="Time for reranking, in seconds; then the search goes on without it.",
    )
    rerank_depth: PositiveInt = Field(
        default=50, le=500, description="How many of the best candidates are reranked."
    )
    rerank_blend: float = Field(
        default=0.5, ge=0, le=1, description="Share of the fused score in the ranking."
    )
    smoothing: bool | None = Field(
        default=None,
        description="Lift passages whose nearest neighbours rank high; unset: with late "
        "interaction only.",
    )
    token_memory_mb: int = Field(
        default=64,
        ge=0,
        description="Memory for passages' vectors that reranking has read, in mebibytes; 0 for "
        "none.",
    )
    cache_mb: int = Field(
        default=64,
        ge=0,
        description="Memory of the caches, in mebibytes: half for search results, a quarter each "
        "for embeddings of queries and responses of applications; 0 for no cache at all.",
    )
    cache_seconds: Annotated[CacheSeconds, NoDecode, NamedValues] = Field(
        default=CacheSeconds(),
        description="How long a cache gives things again: `embeddings` of queries, `results` of "
        "searches, `responses` of applications.",
    )
    weights: Annotated[RankingWeights, NoDecode, NamedValues] = Field(
        default=RankingWeights(),
        description="How much counts in the ranking: `dense` for the vectors, `keyword` for the "
        "words, `metadata` for the age and the category asked for.",
    )
    recency_half_life_days: float = Field(
        default=365.0,
        ge=0.01,
        le=100_000,
        description="Age at which recency counts half, in days.",
    )
    spelling: bool = Field(
        default=True, description="Put misspelt words of a query right for the keyword leg."
    )
    variants: bool = Field(
        default=False,
        description="Search other wordings of a query too, those that rules find.",
    )
    fusion: Literal["min_max", "rrf"] = Field(
        default="min_max", description="How the legs are joined: by their scores or their ranks."
    )
    answer_threshold: float = Field(
        default=0.1, ge=0, le=1, description="Least score of a passage that an answer may use."
    )
    answer_passages: PositiveInt = Field(
        default=5, le=50, description="How many passages an answer is drawn from."
    )
    context_max_chars: PositiveInt = Field(
        default=4000,
        ge=200,
        le=100_000,
        description="Most characters of the context that a language model is shown.",
    )
