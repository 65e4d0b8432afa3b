"""Which documents each kind of context stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from groundwell.apps.context.schemas import ContentType, ContextKind
from groundwell.domain.documents import Metadata
from groundwell.domain.filters import And, Comparison, Condition, Filter, Not, Or

CONTENT_TYPES: Mapping[ContextKind, tuple[ContentType, ...]] = {
    ContextKind.WORKOUTS: (ContentType.WORKOUT, ContentType.PROGRESS),
    ContextKind.GOALS: (ContentType.GOAL,),
    ContextKind.ACTIVITIES: (ContentType.PROGRESS, ContentType.CONVERSATION),
}
"""The user's own texts that a kind draws from."""

NAMESPACES: Mapping[ContextKind, tuple[str, ...]] = {
    ContextKind.NUTRITION: ("nutrition", "nutrition-and-supplementation"),
}
"""The namespaces of general knowledge that a kind draws from: documents that belong to no user."""


def own_documents(user_id: str) -> Filter:
    """What was remembered for the user."""
    return Condition("user_id", Comparison.EQ, (user_id,))


def documents_of(user_id: str, kinds: Iterable[ContextKind]) -> Filter:
    """What the kinds draw from: the user's own texts, and knowledge of the namespaces."""
    wanted = set(kinds)
    types = {t.value for kind in wanted for t in CONTENT_TYPES.get(kind, ())}
    spaces = {space for kind in wanted for space in NAMESPACES.get(kind, ())}
    own = Condition("content_type", Comparison.IN, tuple(sorted(types)))
    general = Condition("namespace", Comparison.IN, tuple(sorted(spaces)))
    # A string of any content is at least the empty one: the field is there.
    has_user = Condition("user_id", Comparison.GTE, ("",))
    return Or((And((own_documents(user_id), own)), And((general, Not(has_user)))))


def source_of(metadata: Metadata, kinds: Iterable[ContextKind]) -> ContextKind:
    """The first of `kinds` that the document belongs to."""
    content_type, namespace = metadata.get("content_type"), metadata.get("namespace")
    wanted = list(kinds)
    matching = (
        kind
        for kind in wanted
        if content_type in CONTENT_TYPES.get(kind, ()) or namespace in NAMESPACES.get(kind, ())
    )
    return next(matching, wanted[0])
