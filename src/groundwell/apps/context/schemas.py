"""What the context endpoints take and give: exactly the fields that their clients know."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from groundwell.domain.search import SearchType
from groundwell.web.fields import NotBlank, Number, QueryText, Whole

MOST_CANDIDATES = 100

UserId = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]{1,200}$"),
    Field(
        description="Whose documents: the key's own user, or anybody's for a key with scope admin.",
        examples=["user-17"],
    ),
]


class ContentType(StrEnum):
    """What a text of a user is."""

    WORKOUT = "workout"
    GOAL = "goal"
    CONVERSATION = "conversation"
    PROGRESS = "progress"


class ContextKind(StrEnum):
    """What context can be asked for."""

    WORKOUTS = "workouts"
    NUTRITION = "nutrition"
    GOALS = "goals"
    ACTIVITIES = "activities"


def _strict(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class ToldDegraded(BaseModel):
    """An answer that has one more field when parts were away, and only then."""

    degraded: list[str] | None = Field(
        default=None, description="Parts that were away; left out when all were there."
    )


class EmbeddingIn(BaseModel):
    """A text of a user that is to be embedded and remembered."""

    model_config = _strict(
        {
            "text": "Bench press 3x5 at 80 kg, the last set was hard.",
            "user_id": "user-17",
            "content_type": "workout",
            "metadata": {"date": "2025-11-21", "profile": {"first_name": "Ann"}},
        }
    )

    text: Annotated[
        str, StringConstraints(min_length=1, max_length=50_000, pattern=r"\S"), NotBlank
    ]
    user_id: UserId
    content_type: ContentType
    metadata: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Kept with the text, except `profile`: its names are removed from the text.",
    )


class EmbeddingOut(BaseModel):
    """The text's vector, of length 1, and the model that made it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"embedding": [0.031, -0.047], "dimension": 384, "model": "all-MiniLM-L6-v2"}
            ]
        }
    )

    embedding: list[float]
    dimension: int
    model: str


class HybridSearchIn(BaseModel):
    """A search in what is remembered of a user."""

    model_config = _strict(
        {
            "query": "How did the bench press go?",
            "user_id": "user-17",
            "search_type": "hybrid",
            "limit": 5,
            "threshold": 0.2,
        }
    )

    query: QueryText
    user_id: UserId
    search_type: SearchType = SearchType.HYBRID
    limit: Whole = Field(default=10, ge=1, le=100)
    threshold: Number = Field(default=0.0, ge=0, le=1, description="Least score of a result.")


class HybridResult(BaseModel):
    """A passage; `type` is its content type."""

    content: str
    score: float
    type: str
    metadata: dict[str, Any]


class HybridSearchOut(ToldDegraded):
    """The results, best first."""

    results: list[HybridResult]


class RerankIn(BaseModel):
    """Texts that are to be put in order."""

    model_config = _strict(
        {
            "query": "How do I get stronger?",
            "candidates": ["Sleep well.", "Add a little weight every week."],
            "user_id": "user-17",
            "top_k": 2,
        }
    )

    query: QueryText
    candidates: list[Annotated[str, StringConstraints(max_length=4000)]] = Field(
        min_length=1, max_length=MOST_CANDIDATES
    )
    user_id: UserId
    top_k: Whole = Field(default=10, ge=1, le=MOST_CANDIDATES)


class RankedText(BaseModel):
    """A candidate, verbatim; `original_rank` is its place among the candidates, from 1."""

    content: str
    relevance_score: float
    original_rank: int


class RerankOut(ToldDegraded):
    """The best candidates, best first."""

    reranked: list[RankedText]


class RagQueryIn(BaseModel):
    """A question for which context is wanted."""

    model_config = _strict(
        {
            "query": "What should I eat before my long run?",
            "user_id": "user-17",
            "include_context": ["workouts", "nutrition"],
            "max_context_items": 5,
        }
    )

    query: QueryText
    user_id: UserId
    include_context: list[ContextKind] = Field(
        default_factory=lambda: list(ContextKind), min_length=1, max_length=100
    )
    max_context_items: Whole = Field(default=10, ge=1, le=50)


class ContextItem(BaseModel):
    """A passage; `source` is the kind of context that it was found as."""

    source: str
    content: str
    relevance: float


class RagQueryOut(ToldDegraded):
    """The context, most relevant first, and how it was found."""

    context: list[ContextItem]
    embeddings_used: list[str]
    search_strategy: str
