"""How a set comes about: of few passages first, of more where these are not enough, and proved."""

from __future__ import annotations

from collections.abc import Sequence

from groundwell.apps.quiz.materials import (
    MOST_PASSAGES,
    Materials,
    collect,
    search_claims,
)
from groundwell.apps.quiz.orders import Piece, TooLittle
from groundwell.apps.quiz.proposals import propose
from groundwell.apps.quiz.questions import QuestionSet
from groundwell.apps.quiz.wanted import Suggested, Wanted
from groundwell.apps.quiz.workbench import Job
from groundwell.domain.sharing import Viewer
from groundwell.services import Services
from groundwell.store.corpus import CorpusPart

_ROUNDS = 4
_MOST_GROWTH = 2.5
_PROOFS = 3
_LEAST_PASSAGES = 20
_PASSAGES_PER_QUESTION = 2
_RESERVE = 1.3
_LEAST_SHARE = 0.1
_TOLD_PER_QUESTION = 3
_HOPELESS = 2.4
"""Sentences for each question that is wanted, below which passages cannot give enough of them."""
_NO_TOPIC = (
    "Nothing in the documents is about this topic, so there are no questions. Try other "
    "words, or add a document that covers it."
)


async def try_set(
    services: Services,
    job: Job,
    viewer: Viewer,
    wanted: Wanted,
    parts: Sequence[CorpusPart],
    retired: frozenset[str],
) -> tuple[Materials, Piece | None]:
    """A set, made of as few passages as are enough; None where no passage is about the topic."""
    most = max(_LEAST_PASSAGES, wanted.count * _PASSAGES_PER_QUESTION)
    model, suggested = services.quick_language_model, None
    for before in range(_ROUNDS):
        materials = await collect(services, viewer, wanted, parts, most, are_more=before > 0)
        passages = materials.passages
        if wanted.topic is not None and not passages:
            return materials, None
        is_last = materials.are_all or before == _ROUNDS - 1
        if model is not None and suggested is None:
            # Paid by who began the work: tasks keep the purse of whoever starts them.
            asked = await propose(model, passages, wanted.count, wanted.mode, wanted.seed)
            suggested = Suggested(asked.questions, asked.degraded)
        least = 0.0 if model is not None or is_last else _HOPELESS * wanted.count
        piece = await job.begin(passages, wanted, retired, suggested, least)
        if isinstance(piece, TooLittle):
            most = _grown(most, piece.told / wanted.count / _TOLD_PER_QUESTION)
            continue
        share = len(piece.questions.questions) / wanted.count
        if share >= 1 or is_last:
            break
        most = _grown(most, share)
    assert isinstance(piece, Piece)
    return materials, piece


def _grown(most: int, share: float) -> int:
    """How many passages to ask for next, where `most` gave this share of the questions.

    As many as would be enough if the further passages gave as much, and some more. Few questions
    tell little of how many there will be, and every passage costs time.
    """
    growth = min(_MOST_GROWTH, _RESERVE / max(share, _LEAST_SHARE))
    return min(MOST_PASSAGES, round(most * growth))


async def prove(
    services: Services, job: Job, viewer: Viewer, parts: Sequence[CorpusPart], piece: Piece
) -> Piece:
    """The set without questions to which passages that were not read give another answer.

    These are one in twenty on a large collection, of which every third has a second right answer.
    To look for all claims costs a tenth of the set. What takes their place is looked up as well,
    but not without end: what nobody looked up at last is left out.
    """
    for _ in range(_PROOFS):
        if not piece.unproved:
            return piece
        piece = await job.tell(await search_claims(services, viewer, parts, piece.unproved))
    return await job.settle() if piece.unproved else piece


def nothing_about_it(wanted: Wanted) -> QuestionSet:
    """An empty set, because no passage is about the topic."""
    return no_questions(wanted, _NO_TOPIC)


def no_questions(wanted: Wanted, note: str) -> QuestionSet:
    """An empty set that says why."""
    return QuestionSet((), wanted.mode, wanted.asked, wanted.topic, (note,))
