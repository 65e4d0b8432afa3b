"""Questions about several things at once: what belongs together, what comes after what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.facts.markup import masked, plain
from groundwell.apps.quiz.forms.compose import choice, seed_for, source_of
from groundwell.apps.quiz.forms.material import Material
from groundwell.apps.quiz.forms.wording import (
    bare,
    given_away,
    predicate_of,
    quoted_span,
    sentence_case,
    topic_of,
    words_at,
)
from groundwell.apps.quiz.language import Span
from groundwell.apps.quiz.questions import Bloom, Option, Pair, Passage, Question, QuestionType

_AMOUNT = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
_LEAST = 3
_MOST = 5
_MOST_QUOTE_CHARACTERS = 1500
_MATCHED_ROWS = "match-rows"


def collection_questions(fact: Fact, material: Material, seed: int) -> Iterator[Question]:
    """The questions that a list or a table of one passage gives."""
    passage = material.passage_of(fact)
    if fact.kind == FactKind.STEPS:
        yield from _ordering(passage, fact, seed)
    elif fact.kind == FactKind.GLOSSARY:
        yield from _glossary(passage, fact, seed)
    elif fact.kind == FactKind.TABLE:
        yield from _table(passage, fact, seed)


def definition_matching(facts: Sequence[Fact], material: Material, seed: int) -> Iterator[Question]:
    """What each of several definitions of one passage defines."""
    defined = [
        fact
        for fact in facts
        if fact.kind == FactKind.DEFINITION and fact.is_askable and fact.subject
    ]
    if len(defined) < _LEAST:
        return
    passage = material.passage_of(defined[0])
    told = sorted(defined, key=lambda fact: fact.quote)[:_MOST]
    pairs = tuple(
        Pair(sentence_case(bare(words_at(passage, fact.subject))), predicate_of(passage, fact))
        for fact in told
        if fact.subject
    )
    yield from _matching(
        passage, quoted_span(told), pairs, "what is said of it", "match-terms", seed
    )


def _where(passage: Passage) -> str:
    """The heading or title that says what a list is about."""
    heading = passage.heading_path[-1] if passage.heading_path else ""
    return plain(masked(heading.strip("# "))).rstrip(".:") or topic_of(passage)


def _table_place(passage: Passage) -> str:
    """Where a table stands, which is of use even where nothing but its file has a name."""
    where = _where(passage)
    return f"“{where}”" if where else f"the file “{passage.filename}”"


def _ordering(passage: Passage, fact: Fact, seed: int) -> Iterator[Question]:
    steps = tuple(_step(passage, item) for item in fact.items)
    where = _where(passage)
    if not where or len(set(steps)) < len(steps):
        return
    template = "order-steps"
    own = seed_for(seed, passage.chunk_id, fact.quote, template)
    quote = words_at(passage, fact.quote)
    yield Question(
        type=QuestionType.ORDERING,
        stem=f"Put these steps of “{where}” in the right order.",
        answer="; ".join(steps),
        explanation=f"The text gives the steps in this order: “{quote}”",
        source=source_of(passage, fact.quote),
        template=template,
        steps=steps,
        hint=f"It begins with “{steps[0]}”.",
        bloom=Bloom.UNDERSTAND,
        difficulty=3,
        language=passage.language,
        seed=own,
    )


def _step(passage: Passage, item: Span) -> str:
    return words_at(passage, item).rstrip(".;,")


def _glossary(passage: Passage, fact: Fact, seed: int) -> Iterator[Question]:
    pairs = tuple(
        Pair(sentence_case(words_at(passage, label)), words_at(passage, item).rstrip("."))
        for label, item in zip(fact.labels, fact.items, strict=True)
    )
    usable = tuple(pair for pair in pairs if not given_away(pair.left, pair.right))
    where = _where(passage)
    yield from _matching(
        passage, fact.quote, usable[:_MOST], "what is said of it", "match-list", seed
    )
    for pair in usable:
        others = [other.left for other in usable if other is not pair][: _MOST - 2]
        if len(others) < _LEAST - 1 or not where:
            continue
        told = f"{pair.left}. The text says: “{pair.left}: {pair.right}”"
        yield choice(
            passage,
            fact,
            stem=f"In “{where}”, what is described as “{pair.right}”?",
            key=Option(pair.left, is_correct=True, feedback="Right."),
            others=[Option(other, is_correct=False, feedback=told) for other in others],
            template=f"which-described@{pairs.index(pair)}",
            claim=f"{{}}: {pair.right}",
            explanation=told,
            seed=seed,
            hint=f"It begins with “{pair.left[0]}”.",
        )


def _table(passage: Passage, fact: Fact, seed: int) -> Iterator[Question]:
    assert fact.column is not None
    column = words_at(passage, fact.column)
    rows = tuple(
        Pair(words_at(passage, label), words_at(passage, item))
        for label, item in zip(fact.labels, fact.items, strict=True)
    )
    names = [row.left.casefold() for row in rows]
    pairs = tuple(row for row in rows if sum(row.left.casefold() in name for name in names) == 1)
    values = list(dict.fromkeys(pair.right for pair in pairs))
    if len(values) < _LEAST:
        return
    if len(values) == len(pairs):
        right = f"what stands under “{column}”"
        yield from _matching(passage, fact.quote, pairs[:_MOST], right, _MATCHED_ROWS, seed)
    ends = {row: item.end for row, item in zip(rows, fact.items, strict=True)}
    for place, pair in enumerate(pairs):
        if pair.left.casefold().startswith(pair.right.casefold()):
            continue  # "He" for helium
        others = _others(pair.right, values)
        if len(others) >= _LEAST - 1:
            # The rows below are answers to other questions.
            shown = replace(fact, quote=Span(fact.quote.start, ends[pair]))
            yield _cell(passage, shown, pair, others, place, seed)


def _cell(
    passage: Passage, fact: Fact, pair: Pair, others: list[str], place: int, seed: int
) -> Question:
    assert fact.column is not None
    assert fact.subject is not None
    column, name = words_at(passage, fact.column), words_at(passage, fact.subject)
    told = f"{pair.right}. The table says: {name}: {pair.left}, {column}: {pair.right}"
    key = Option(pair.right, is_correct=True, feedback="Right.")
    wrong = [Option(value, is_correct=False, feedback=told) for value in others]
    is_number = all(_amount(value) is not None for value in (pair.right, *others))
    if is_number:
        wrong = sorted((key, *wrong), key=lambda option: _amount(option.text) or 0.0)
    return choice(
        passage,
        fact,
        stem=(
            f"According to the table in {_table_place(passage)}, "
            f"what stands under “{column}” for “{pair.left}”?"
        ),
        key=key,
        others=wrong,
        is_sorted=is_number,
        template=f"table-value@{fact.column.start}.{place}",
        claim=f"{pair.left}: {{}}",
        explanation=told,
        hint=f"Look for the row of “{pair.left}”.",
        seed=seed,
        bloom=Bloom.APPLY,
    )


def _others(right: str, values: Sequence[str]) -> list[str]:
    """Values of the column near the right one, none of which holds another."""
    place = values.index(right)
    kept: list[str] = []
    for value in sorted(values, key=lambda value: abs(values.index(value) - place)):
        told = value.casefold()
        if all(
            told not in each.casefold() and each.casefold() not in told for each in (right, *kept)
        ):
            kept.append(value)
    return kept[:_LEAST]


def _amount(cell: str) -> float | None:
    """The number that a cell begins with, if there is just one."""
    found = _AMOUNT.findall(cell)
    return float(found[0].replace(",", "")) if len(found) == 1 else None


def _matching(
    passage: Passage,
    quote: Span,
    pairs: tuple[Pair, ...],
    right: str,
    template: str,
    seed: int,
) -> Iterator[Question]:
    lefts, rights = {pair.left for pair in pairs}, {pair.right for pair in pairs}
    is_single = len(lefts) == len(rights) == len(pairs)
    length = quote.end - quote.start
    if len(pairs) < _LEAST or not is_single or length > _MOST_QUOTE_CHARACTERS:
        return
    if any(given_away(pair.left, pair.right) for pair in pairs):
        return
    is_table = template == _MATCHED_ROWS
    of = f" from {_table_place(passage)}" if is_table or _where(passage) else ""
    joined = "; ".join(f"{pair.left}: {pair.right}" for pair in pairs)
    yield Question(
        type=QuestionType.MATCHING,
        stem=f"Match each item{of} with {right}.",
        answer=joined,
        explanation=f"The text says: “{words_at(passage, quote)}”",
        source=source_of(passage, quote),
        template=f"{template}@{quote.start}",
        pairs=pairs,
        hint=f"{pairs[0].left} belongs to “{pairs[0].right}”.",
        bloom=Bloom.UNDERSTAND,
        difficulty=3,
        language=passage.language,
        seed=seed_for(seed, passage.chunk_id, quote, template),
    )
