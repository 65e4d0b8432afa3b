"""What a document's metadata say for its passages: how recent it is, and of which category."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import JsonValue
from groundwell.domain.search import Scores
from groundwell.domain.sharing import Asking
from groundwell.retrieval.rank import FusionOptions
from groundwell.store.database import Database
from groundwell.store.traits import Traits, load_traits

_DAY_SECONDS = 86_400


async def score_metadata(
    database: Database,
    asking: Asking,
    chunks: Sequence[ChunkId],
    options: FusionOptions,
    now: datetime,
) -> Scores:
    """The metadata scores of candidates, in [0, 1]; those of passages that are gone are 0."""
    traits = await load_traits(database, asking, chunks)
    scores = dict.fromkeys(chunks, 0.0)
    for chunk, known in traits.items():
        scores[chunk] = metadata_score(known, now, options.recency_half_life_days, options.category)
    return scores


def metadata_score(
    traits: Traits, now: datetime, half_life_days: float, category: str | None
) -> float:
    """The recency, in [0, 1]; where a category is wanted, the mean of recency and relevance.

    The relevance is 1 for a document of the category and 0 for any other.
    """
    recent = recency(document_date(traits), now, half_life_days)
    if category is None:
        return recent
    return (recent + float(_is_of(traits.category, category))) / 2


def recency(date: datetime, now: datetime, half_life_days: float) -> float:
    """Exponential decay with age: 1 now and in the future, a half after one half-life."""
    age_days = max((now - date).total_seconds(), 0.0) / _DAY_SECONDS
    score: float = 0.5 ** (age_days / half_life_days)
    return score


def document_date(traits: Traits) -> datetime:
    """The first of the document's own dates that is one, else when its version was handed in.

    ISO 8601; a date without a time is its midnight, a time without a zone is UTC.
    """
    for text in traits.dates:
        try:
            date = datetime.fromisoformat(text.strip())
        except ValueError:
            continue
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    return traits.handed_in_at


def _is_of(given: JsonValue, wanted: str) -> bool:
    """Whether the document's category, or one of them, is the wanted one; case aside."""
    several = given if isinstance(given, list) else [given]
    return wanted.strip().casefold() in {
        name.strip().casefold() for name in several if isinstance(name, str)
    }
