"""Facts that one sentence states."""

from __future__ import annotations

import re
from collections.abc import Sequence

from groundwell.apps.quiz.facts.clauses import Clause, clause_of, opens_known
from groundwell.apps.quiz.facts.denials import denial_facts
from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.facts.phrases import phrases_of
from groundwell.apps.quiz.facts.quantities import quantity_facts
from groundwell.apps.quiz.facts.statements import Statement
from groundwell.apps.quiz.facts.terms import is_askable, terms_of
from groundwell.apps.quiz.language import Span, Token, noun_phrases, noun_span, spanned
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.analysis import analyse

_LEAST_DIFFERENTIA = 2
_LEAST_ITEMS = 3
# Nouns that say nothing themselves of what they introduce: "a type of cancer" is a cancer.
_TRANSPARENT = frozenset({"type", "kind", "form", "group", "class", "set", "family", "member"})

_HOW_OFTEN = r"(?:(?:usually|often|mainly|mostly|most\s+often|typically|primarily)\s+)?"
_CAUSED = re.compile(rf"{_HOW_OFTEN}caused\s+by\s+")
_CAUSING = re.compile(
    rf"{_HOW_OFTEN}(?:causes?|caused|leads?\s+to|led\s+to|results?\s+in|resulted\s+in|triggers?)\s+"
)
_RESULTING = re.compile(rf"{_HOW_OFTEN}(?:results?|resulted|arises?|stems?)\s+from\s+")
CONTRAST = re.compile(
    r",?\s(?:whereas|while|but|unlike)\s|\bunlike\s|\bin\s+contrast\s+to\s", re.IGNORECASE
)
_VAGUE = re.compile(
    r"parts?\s+of\b|(?:the|one\s+of\s+the)\s+(?:\w+\s+)?(?:most|least|main|best|largest|other)\b|"
    r"(?:one|an?|the|some|any)\s+(?:\w+\s+){0,2}?(?:additional|example|way|part|kind|reason|thing|result|"
    r"case|issue|problem|challenge|topic|matter|question|goal|point|fact|acronym|abbreviation|term|name|word)\b(?!\s+of\s+\w+ase)",
    re.IGNORECASE,
)
NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|cannot|without|rarely|unknown|unclear|unlikely|except)\b|n['’]t\b",
    re.IGNORECASE,
)
_BONUS = {
    FactKind.DEFINITION: 3.0,
    FactKind.CAUSE: 2.5,
    FactKind.CONTRAST: 1.5,
    FactKind.ENUMERATION: 1.0,
    FactKind.STATEMENT: 0.5,
}


def sentence_facts(
    statement: Statement,
    passage: Passage,
    named: frozenset[str],
    known: frozenset[str],
    weight: float,
) -> list[Fact]:
    """What the sentence states: at most one fact about its subject, and its numbers.

    `named` are the terms of the title and headings, `known` also what the passage comes back to:
    whoever reads the question can tell what is meant by it. Of a sentence that denies something
    only that and its numbers can be asked: other questions would have a negative stem.
    """
    clause = clause_of(statement, named, known)
    central = _centrality(clause, named) if clause else 0.0
    facts: list[Fact] = []
    is_opening_known = opens_known(statement, named, known, is_titled=bool(passage.title))
    if is_opening_known:
        facts = quantity_facts(statement, passage.chunk_id, weight + central)
    if NEGATION.search(statement.words):
        if is_opening_known:
            facts += denial_facts(statement, passage.chunk_id, weight)
        return facts
    if clause is None:
        if not is_opening_known or is_vague(statement.text, statement.span):
            return facts
        told = Fact(
            FactKind.TERM,
            passage.chunk_id,
            statement.span,
            terms=terms_of(statement),
            predicate=_said(statement),
            phrases=phrases_of(statement),
            weight=weight,
        )
        return [*facts, told]
    if is_vague(statement.text, clause.subject):
        return facts
    return [*facts, _clause_fact(clause, passage, named, weight + central)]


def _said(statement: Statement) -> Span | None:
    """From the first verb on: what is said, whatever it is said of."""
    tokens = statement.tokens
    verb = next((token for token in tokens if token.kind in "VB"), None)
    return None if verb is None else Span(verb.start, tokens[-1].start)


def _clause_fact(clause: Clause, passage: Passage, named: frozenset[str], weight: float) -> Fact:
    statement = clause.statement
    kind, other = _kind(clause)
    return Fact(
        kind=kind,
        chunk_id=passage.chunk_id,
        quote=statement.span,
        subject=clause.subject,
        predicate=clause.predicate,
        opening=clause.opening,
        object=other,
        kind_noun=_kind_noun(clause, other) if kind == FactKind.DEFINITION else None,
        items=_items(clause) if kind == FactKind.ENUMERATION else (),
        terms=terms_of(statement),
        phrases=phrases_of(statement),
        is_plural=clause.is_plural,
        is_askable=is_askable(clause, named, is_defined=kind == FactKind.DEFINITION),
        weight=weight + _BONUS[kind],
    )


def _centrality(clause: Clause, named: frozenset[str]) -> float:
    """How close the subject is to what the title and headings name: 0 to 2."""
    words = set(analyse(clause.statement.text[clause.subject.start : clause.subject.end]))
    return 2.0 * len(words & named) / len(words) if words else 0.0


def _kind(clause: Clause) -> tuple[FactKind, Span | None]:
    genus = _genus(clause)
    if genus is not None:
        return FactKind.DEFINITION, genus
    cause = _cause(clause)
    if cause is not None:
        return FactKind.CAUSE, cause
    if CONTRAST.search(clause.statement.words):
        return FactKind.CONTRAST, None
    if len(_items(clause)) >= _LEAST_ITEMS:
        return FactKind.ENUMERATION, None
    return FactKind.STATEMENT, None


def _genus(clause: Clause) -> Span | None:
    """Find "a chronic disease" in "X is a chronic disease that ...": what kind of thing X is.

    None when the sentence defines nothing, or says too little beyond the kind.
    """
    rest = clause.rest
    phrases = noun_phrases(rest)
    if not clause.is_copular or not phrases or phrases[0][0] != 0 or rest[0].kind not in "DJN#":
        return None
    end = phrases[0][1]
    if not _tells_apart(clause, rest[0], rest[end:]):
        return None
    if _is_transparent(rest[end - 1], rest[end]) and len(phrases) > 1:
        end = phrases[1][1]
    text = clause.statement.text[rest[0].start : rest[-1].end]
    return None if _VAGUE.match(text) else spanned(rest[:end])


def _kind_noun(clause: Clause, genus: Span | None) -> Span | None:
    named = [token for token in clause.rest if genus and token.end <= genus.end]
    return noun_span(named[-1:])


def is_vague(text: str, span: Span) -> bool:
    """Whether the words of a span say only that there is something: "one of the reasons"."""
    return _VAGUE.match(text, *span) is not None


def _tells_apart(clause: Clause, first: Token, beyond: Sequence[Token]) -> bool:
    """Whether what follows the kind tells the subject from others of the kind.

    A figure does not: it says how much of it there is, not what it is.
    """
    if not beyond or beyond[0].kind not in "IWEG,(" or beyond[0].text == "as":
        return False
    # "Firn is snow that ..." defines, "Firn is home to ..." does not.
    is_article = first.text.lower() in {"a", "an", "the", "any", "one"}
    if not (is_article or clause.is_plural or beyond[0].kind == "W"):
        return False
    if beyond[0].kind in ",(" and not is_article:
        return False
    is_counted = any(token.text[0].isdigit() for token in beyond)
    return not is_counted and sum(t.kind in "NJVBGE#" for t in beyond) >= _LEAST_DIFFERENTIA


def _is_transparent(noun: Token, following: Token) -> bool:
    return noun.text.lower() in _TRANSPARENT and following.text == "of"


def _cause(clause: Clause) -> Span | None:
    """The effect of a subject that causes, the cause of one that is caused."""
    text, verb = clause.statement.text, clause.statement.tokens[clause.verb]
    end = clause.predicate.end
    if clause.is_copular:
        found = _CAUSED.match(text, verb.end + 1, end)
    else:
        start = clause.predicate.start
        found = _CAUSING.match(text, start, end) or _RESULTING.match(text, start, end)
    return Span(found.end(), end) if found else None


def _items(clause: Clause) -> tuple[Span, ...]:
    """The last list of noun phrases in the sentence, if there are three or more."""
    rest = clause.rest
    kinds = "".join(token.kind for token in rest)
    found = re.search(r"(?:D?[RJGE]*N+,){2,}C?D?[RJGE]*N+$", kinds)
    if found is None:
        return ()
    listed = rest[found.start() : found.end()]
    spans: list[Span] = []
    begin = 0
    for place, token in enumerate(listed):
        if token.kind == ",":
            spans.append(spanned(listed[begin:place]))
            begin = place + 1
    last = listed[begin:]
    last = last[1:] if last[0].kind == "C" else last
    return (*spans, spanned(last))
