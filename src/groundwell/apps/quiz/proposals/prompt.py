"""What a language model is asked for questions.

The texts stand in `prompts/`. Passages are data of strangers: they stand inside `<source>` tags
that they cannot close, below the rule that nothing in them is an instruction. Nothing secret is in
a prompt, and no template comes from users.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template

from groundwell.apps.quiz.proposals.budget import Budget
from groundwell.apps.quiz.questions import Passage, QuizMode
from groundwell.domain.answers import ChatMessage, Role
from groundwell.domain.context import ContextPassage
from groundwell.domain.sentences import sentence_spans
from groundwell.generation.prompt import SOURCE_TAGS, harmless

SURPLUS = 1.25
"""How many more questions are asked for than are wanted: the checks drop some."""

CHARS_PER_QUESTION = 120
"""A text of this length, two short sentences, is good for one question."""

MAX_REPEATED_CHARS = 2000
"""How much of an unusable answer is shown to the model again."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The passages of one call, and how many questions it is to give at most."""

    passages: tuple[Passage, ...]
    wanted: int


def make_batches(passages: Sequence[Passage], wanted: int, budget: Budget) -> list[Batch]:
    """Share the passages out among as many calls as `wanted` takes, in their order.

    Those at the end that no call has room for are left out. Calls get about the same length.
    """
    asked = math.ceil(wanted * SURPLUS)
    calls = min(budget.calls, math.ceil(asked / budget.questions_per_call), len(passages))
    # A call's share may be exceeded by one passage.
    room = calls * (budget.chars_per_call - budget.chars_per_passage)
    ends = [0]
    for passage in passages:
        length = min(len(passage.text), budget.chars_per_passage)
        if ends[-1] + length > room:
            break
        ends.append(ends[-1] + length)
    total = max(ends[-1], 1)
    groups: list[list[Passage]] = [[] for _ in range(calls)]
    for passage, start, end in zip(passages, ends, ends[1:], strict=False):
        groups[min((start + end) * calls // (2 * total), calls - 1)].append(passage)
    return [_batch(group, asked, total, budget) for group in groups if group]


def _batch(group: Sequence[Passage], asked: int, total: int, budget: Budget) -> Batch:
    length = sum(min(len(passage.text), budget.chars_per_passage) for passage in group)
    share = math.ceil(asked * length / total)
    most = 1 + length // CHARS_PER_QUESTION
    return Batch(tuple(group), max(1, min(budget.questions_per_call, share, most)))


def make_request(batch: Batch, mode: QuizMode, budget: Budget) -> tuple[ChatMessage, ...]:
    """The prompt for a batch."""
    sources = (
        _source(number, passage, budget.chars_per_passage)
        for number, passage in enumerate(batch.passages, 1)
    )
    content = Template(_text("request")).substitute(
        passages=SOURCE_TAGS.between.join(sources), count=batch.wanted, mode=_text(mode.value)
    )
    return (ChatMessage(Role.SYSTEM, _text("system")), ChatMessage(Role.USER, content))


def make_repair(request: Sequence[ChatMessage], answer: str) -> tuple[ChatMessage, ...]:
    """The prompt that asks again after an answer of which nothing could be used."""
    repeated = harmless(answer[:MAX_REPEATED_CHARS])
    return (
        *request,
        ChatMessage(Role.ASSISTANT, repeated),
        ChatMessage(Role.USER, _text("repair")),
    )


def _source(number: int, passage: Passage, most_chars: int) -> str:
    """A passage inside its tag, verbatim but for what would open or close one."""
    named = ContextPassage(passage.text, passage.title or passage.filename, passage.heading_path)
    head = SOURCE_TAGS.head(number, named, is_named=True)
    return f"{head}{harmless(_beginning(passage.text, most_chars))}{SOURCE_TAGS.tail}"


def _beginning(text: str, most_chars: int) -> str:
    """The whole sentences that fit."""
    if len(text) <= most_chars:
        return text
    # The last one may be cut.
    whole = sentence_spans(text, 0, most_chars)[:-1]
    return text[: whole[-1][1] if whole else most_chars]


@cache
def _text(name: str) -> str:
    prompts = files("groundwell.apps.quiz").joinpath("prompts")
    return prompts.joinpath(f"{name}.md").read_text(encoding="utf-8").strip()
