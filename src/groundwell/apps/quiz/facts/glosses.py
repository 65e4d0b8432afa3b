"""What things are called: terms that a text explains in passing.

"Yellowing of the skin (jaundice)", "scoliosis (curvature of the spine)", "the extent of a cancer is
called its stage", "- Biopsy: The removal of tissue". Such an explanation stands for itself, so that
it may be in a sentence that leans on others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.facts.markup import masked, without_references
from groundwell.apps.quiz.facts.reading import sentences_in
from groundwell.apps.quiz.facts.sentences import is_vague
from groundwell.apps.quiz.language import (
    Span,
    Token,
    is_everyday,
    is_plural,
    noun_span,
    shape,
    spanned,
    tagged,
    without_article,
)
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.analysis import analyse
from groundwell.domain.sentences import sentence_spans, trim

_BONUS = 2.0
_LEAST_MEANING_TERMS = 2
_MOST_MEANING_CHARACTERS = 160
_MOST_SENTENCE_CHARACTERS = 500
_MOST_TERM_WORDS = 4
_LEAST_TERM_CHARACTERS = 4

_ASIDE = re.compile(r"\((?P<told>[a-z][^()\d:;“”\"]{3,120})\)")
_CALLED = re.compile(r"\b(?:is|are)\s+(?:(?:often|usually|also|sometimes)\s+)?(?:called|termed)\s+")
_WORD = re.compile(r"(?!.*(?:[A-Z]{2}|-[A-Z]))[^\W\d_][^\W\d_’'-]*(?:[’'-][^\W\d_]+)*")
_LISTED = re.compile(
    r"(?:^|(?<=\s))[-*•–][^\S\n]+(?P<term>[A-Z][^.:\n|]{2,60}?)[^\S\n]*:\s+(?P<told>(?:An?|The)\s)"
)
_LEADING = re.compile(
    r"(?:such|like|for|e\.g|i\.e|see|also|or|and|about|called|known|usually|sometimes|often|as|"
    r"if|when|which|that|in|on|at|with|by|from|to|of|not|no|other|including|especially|several|another|various|this|these)\b",
    re.IGNORECASE,
)
# A noun and what hangs on it by "of"; of two things joined by "and" only when "of" goes before.
_CHAIN = re.compile(r"D?R?E?[JGN]*N(?:ID?[RJGN]*N(?:CD?N)?)*$")
_THING = re.compile(r"D?[RJGE#Ns]*N(?:[IWGE(,]|$)")
# A participle with an object is a past tense.
_PAST = re.compile(r"NED?[JN]")
_POINTING = frozenset(
    {"this", "these", "those", "that", "such", "it", "its", "their", "they", "he"}
)
_RELATIVES = frozenset({"that", "which", "who", "whose", "where", "when"})
_GOING_BEFORE = frozenset({"with", "as", "by", "like", "to", "including", "from", "or", "and"})


def gloss_facts(passage: Passage, named: frozenset[str], weight: float) -> list[Fact]:
    """A fact for each term that is explained: `subject` is the term, `object` its meaning."""
    text = masked(passage.text)
    facts = list(_listed(passage, text, weight))
    taken = [fact.quote for fact in facts]
    for start, end in sentences_in(without_references(passage.text)):
        span = trim(text, start, end)
        if span is None or any(span[0] < quote.end and quote.start < span[1] for quote in taken):
            continue
        words = text[slice(*span)]
        if len(words) > _MOST_SENTENCE_CHARACTERS or words[-1] != "." or "|" in words:
            continue
        found = next(_explained(text, Span(*span)), None)
        if found is not None:
            term, meaning = found
            facts.append(_fact(passage, text, Span(*span), term, meaning, named, weight))
    return facts


def _fact(
    passage: Passage,
    text: str,
    quote: Span,
    term: Span,
    meaning: Span,
    named: frozenset[str],
    weight: float,
) -> Fact:
    central = bool(set(analyse(text[slice(*meaning)])) & named)
    return Fact(
        FactKind.GLOSS,
        passage.chunk_id,
        quote,
        subject=term,
        object=meaning,
        kind_noun=noun_span(tagged(text, *meaning)),
        is_plural=is_plural(tagged(text, *term)),
        is_askable=True,
        weight=weight + _BONUS + 0.5 * central,
    )


def _listed(passage: Passage, text: str, weight: float) -> Iterator[Fact]:
    """The items of a list, in lines of their own or not, that say what something is."""
    for match in _LISTED.finditer(without_references(passage.text)):
        start = match.start("told")
        ends = sentence_spans(text, start, len(text))
        if not ends or text[ends[0][1] - 1] != ".":
            continue
        meaning = Span(start, ends[0][1] - 1)
        term = _before_bracket(text, Span(*match.span("term")))
        tokens = tagged(text, *meaning)
        if _is_thing(text, meaning, tokens) and _is_term(tagged(text, *term), is_marked=True):
            quote = Span(match.start("term"), ends[0][1])
            yield _fact(passage, text, quote, term, meaning, frozenset(), weight)


def _before_bracket(text: str, span: Span) -> Span:
    end = text.find("(", *span)
    return Span(*(trim(text, span.start, end) or span)) if end > 0 else span


def _explained(text: str, sentence: Span) -> Iterator[tuple[Span, Span]]:
    """Terms of a sentence with their meanings."""
    for match in _ASIDE.finditer(text, *sentence):
        aside = Span(*match.span("told"))
        before, inside = tagged(text, sentence.start, match.start()), tagged(text, *aside)
        if _is_term(inside):
            meaning = _chain_before(text, before)
            if meaning is not None:
                yield Span(*spanned(inside)), meaning
        elif not _LEADING.match(text, *aside) and _is_thing(text, aside, inside):
            term = _term_before(before)
            if term is not None:
                yield term, aside
    called = _CALLED.search(text, *sentence)
    if called is not None:
        yield from _called(text, sentence, called)


def _called(text: str, sentence: Span, called: re.Match[str]) -> Iterator[tuple[Span, Span]]:
    meaning = trim(text, sentence.start, called.start())
    after = tagged(text, called.end(), sentence.end)
    end = next((place for place, token in enumerate(after) if token.kind not in "DNJG"), 0)
    term = without_article(after[:end])
    is_last = end < len(after) and after[end].kind in ".,(" and after[end].text != "-"
    if meaning is None or not is_last or not _is_term(term, is_marked=True):
        return
    before = tagged(text, *meaning)
    if _is_thing(text, Span(*meaning), before) and not any(token.kind in ",P" for token in before):
        yield spanned(term), Span(*meaning)


def _is_term(tokens: Sequence[Token], *, is_marked: bool = False) -> bool:
    """Whether the words are a term: a noun that general English lacks, or any marked as one.

    Neither an abbreviation nor how something is spoken ("an-tee-TRIP-sin") is one.
    """
    words = [token.text for token in tokens]
    most = _MOST_TERM_WORDS if is_marked else 1
    if not 0 < len(words) <= most or not all(map(_WORD.fullmatch, words)):
        return False
    if len(" ".join(words)) < _LEAST_TERM_CHARACTERS or words[0].lower() in _POINTING:
        return False
    is_adverb = is_everyday(words[-1].removesuffix("ly"))
    return is_marked or not (is_adverb or is_everyday(words[-1]))


def _is_thing(text: str, span: Span, tokens: Sequence[Token]) -> bool:
    """Whether the words say what kind of thing something is, and more than the kind."""
    words = text[slice(*span)]
    is_fit = len(analyse(words)) >= _LEAST_MEANING_TERMS and len(words) <= _MOST_MEANING_CHARACTERS
    points = any(token.text.lower() in _POINTING - {"that"} for token in tokens)
    kinds = shape(tokens)
    # A verb belongs to a relative clause, or all of it is a sentence.
    verb = kinds.find("V")
    is_relative = any(token.text.lower() in _RELATIVES for token in tokens[: max(0, verb)])
    is_noun = bool(_THING.match(kinds)) and (verb < 0 or is_relative)
    is_noun = is_noun and not _PAST.search(kinds)
    return is_fit and is_noun and not (points or is_vague(text, span))


def _chain_before(text: str, tokens: Sequence[Token]) -> Span | None:
    """The noun phrase that ends where the bracket opens, if nothing else hangs on it."""
    start = max(
        (
            place + 1
            for place, token in enumerate(tokens)
            if (token.kind == "I" and token.text.lower() != "of")
            or (token.tag == "NNS" and place + 1 < len(tokens) and tokens[place + 1].kind in "NJD")
        ),
        default=0,
    )
    found = _CHAIN.search(shape(tokens[start:]))
    if found is None:
        return None
    first = start + found.start()
    before = tokens[first - 1] if first else None
    if before is not None and before.kind == "I" and before.text.lower() not in _GOING_BEFORE:
        return None
    if before is not None and before.kind == ".":
        return None
    if before is not None and before.tag == "MD":
        first += 1  # the verb: "may cause difficulty breathing"
    elif before is not None and before.text.endswith("ed"):
        # "Increased muscle tone", "widely spaced eyes", whatever the tagger makes of it.
        first -= 2 if first > 1 and tokens[first - 2].kind == "R" else 1
    chain = without_article(tokens[first:])
    meaning = spanned(chain) if chain else None
    if meaning is None or chain[0].text.lower() in _POINTING:
        return None
    words = text[slice(*meaning)]
    if before is not None and before.kind == "C" and " of " in words:
        return None  # "the skin and whites of the eyes"
    is_fit = len(analyse(words)) >= _LEAST_MEANING_TERMS and len(words) <= _MOST_MEANING_CHARACTERS
    is_own = not (_LEADING.match(text, *meaning) or is_vague(text, meaning))
    return meaning if is_fit and is_own else None


def _term_before(tokens: Sequence[Token]) -> Span | None:
    """The term right before a bracket, alone: no part of a longer phrase."""
    start = len(tokens)
    while start and tokens[start - 1].kind in "NJ":
        start -= 1
    phrase = tokens[start:]
    if not _is_term(phrase) or (start and tokens[start - 1].kind in "Cs-"):
        return None
    return spanned(phrase)
