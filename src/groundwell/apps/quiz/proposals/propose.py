"""Questions that a language model proposes: ask, read, find the proof.

The model is a help, not a need: what it does not give in time, rules make of the same passages.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from groundwell.apps.quiz.proposals.ask import Exchange, Interview
from groundwell.apps.quiz.proposals.budget import DEFAULT_BUDGET, Budget
from groundwell.apps.quiz.proposals.make_question import ShownPassages, make_question
from groundwell.apps.quiz.proposals.prompt import Batch, make_batches, make_request
from groundwell.apps.quiz.proposals.quotes import folded
from groundwell.apps.quiz.proposals.refusals import Refusal
from groundwell.apps.quiz.proposals.wording import gives_orders
from groundwell.apps.quiz.questions import Passage, Question, QuizMode
from groundwell.apps.quiz.wanted import OVER_BUDGET
from groundwell.ports.language_model import LanguageModel

DEGRADED = "language_model"
"""What `Proposed.degraded` names when the model failed, or was too slow."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """Questions without checks, in the order of their passages.

    `refused` counts what was not made a question, by the first reason. `fallback_used`: the model
    was asked and nothing of what it said can be used, so that rules have to make all questions.
    """

    questions: tuple[Question, ...]
    refused: Mapping[Refusal, int] = field(default_factory=lambda: MappingProxyType({}))
    fallback_used: bool = False
    degraded: tuple[str, ...] = ()


async def propose(
    model: LanguageModel,
    passages: Sequence[Passage],
    wanted: int,
    mode: QuizMode,
    seed: int,
    budget: Budget = DEFAULT_BUDGET,
) -> Proposed:
    """Ask for `wanted` questions and some more, since the checks drop some, within the budget.

    What is there at the deadline counts; calls that are not finished are ended, and their
    connections closed. Passages that give orders to models are not sent. Errors of the model are
    not raised: `degraded` names them.
    """
    sent = [passage for passage in passages if not _gives_orders(passage)]
    refused: Counter[Refusal] = Counter()
    if len(sent) < len(passages):
        refused[Refusal.ORDERS] = len(passages) - len(sent)
    batches = make_batches(sent, wanted, budget) if wanted > 0 else []
    if not batches:
        return Proposed((), MappingProxyType(refused))
    interview = Interview(model, budget)
    exchanges = [Exchange(make_request(batch, mode, budget)) for batch in batches]
    await interview.hold(exchanges)
    held = list(zip(batches, exchanges, strict=True))
    questions = await asyncio.to_thread(_questions_of, held, mode, seed, refused)
    return Proposed(
        questions,
        MappingProxyType(refused),
        fallback_used=not questions,
        degraded=tuple(_degraded(interview)),
    )


def _questions_of(
    held: Sequence[tuple[Batch, Exchange]], mode: QuizMode, seed: int, refused: Counter[Refusal]
) -> tuple[Question, ...]:
    """The questions of all answers, each once; `refused` counts the rest. Takes processor time."""
    questions: dict[str, Question] = {}
    for batch, exchange in held:
        shown = ShownPassages(batch.passages)
        readings = exchange.readings()
        for reading in readings:
            refused.update(reading.refused)
        for draft in (draft for reading in readings for draft in reading.drafts):
            made = make_question(draft, shown, mode, seed)
            if isinstance(made, Refusal):
                refused[made] += 1
            elif questions.setdefault(folded(made.stem), made) is not made:
                refused[Refusal.DUPLICATE] += 1
    return tuple(questions.values())


def _degraded(interview: Interview) -> Iterator[str]:
    if interview.has_failed:
        yield DEGRADED
    if interview.is_over_budget:
        yield OVER_BUDGET


def _gives_orders(passage: Passage) -> bool:
    return gives_orders("\n".join((passage.text, passage.title or "", *passage.heading_path)))
