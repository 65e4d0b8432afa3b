"""Putting questions together: options, seeds, sources."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from random import Random

from groundwell.apps.quiz.facts.fact import Fact
from groundwell.apps.quiz.language import Span
from groundwell.apps.quiz.questions import Bloom, Option, Passage, Question, QuestionType, Source

_EMPHASIS = re.compile(r"\*\*?|__?")
_EMPHASIS_BEFORE = re.compile(r"(?<![*_])(?:\*\*?|__?)\Z")


def seed_for(seed: int, *named: object) -> int:
    """A seed of 31 bits for one question: the same in every process."""
    digest = blake2b(repr((seed, *named)).encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def source_of(passage: Passage, span: Span) -> Source:
    """The source that is the span, with both ends of an emphasis of which one is in it."""
    text, (start, end) = passage.text, span
    ahead = _EMPHASIS_BEFORE.search(text, max(0, start - 2), start)
    if ahead and text.count(ahead.group(), start, end) % 2:
        start = ahead.start()
    else:
        behind = _EMPHASIS.match(text, end)
        if behind and text.count(behind.group(), start, end) % 2:
            end = behind.end()
    return Source.of(passage, start, end)


def mixed(key: Option, others: Sequence[Option], seed: int) -> tuple[Option, ...]:
    """All options in an order that the seed decides."""
    options = [key, *others]
    Random(seed).shuffle(options)
    return tuple(options)


def choice(
    passage: Passage,
    fact: Fact,
    *,
    stem: str,
    key: Option,
    others: Sequence[Option],
    template: str,
    claim: str,
    explanation: str,
    seed: int,
    hint: str = "",
    bloom: Bloom = Bloom.REMEMBER,
    difficulty: int = 2,
    is_sorted: bool = False,
) -> Question:
    """A question with options to choose from; sorted ones keep the order they come in."""
    own = seed_for(seed, passage.chunk_id, fact.quote, template, stem)
    options = tuple(others) if is_sorted else mixed(key, others, own)
    return Question(
        type=QuestionType.MCQ,
        stem=stem,
        answer=key.text,
        explanation=explanation,
        source=source_of(passage, fact.quote),
        template=template,
        claim=claim,
        options=options,
        hint=hint,
        bloom=bloom,
        difficulty=difficulty,
        language=passage.language,
        seed=own,
    )
