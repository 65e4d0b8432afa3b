"""How questions are worded: context, gaps, explanations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from groundwell.apps.quiz.facts.fact import Fact
from groundwell.apps.quiz.facts.markup import masked, plain
from groundwell.apps.quiz.language import Span, has_tagger
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.analysis import analyse
from groundwell.domain.languages import DEFAULT_LANGUAGE

GAP = "_____"
_LEAST_TITLE_CHARACTERS = 3
_MOST_TITLE_CHARACTERS = 80
_LEAST_SHARED_PREFIX = 5
_LEAST_SHARED_END = 4
# "Duck - Wikipedia", "How-to | Product": what follows names the site.
_SITE = re.compile(r"\s+[|–—-]\s+[^|–—]{1,30}$")
_FILE = re.compile(r"[\w-]+\.\w{2,4}|[\w-]*_[\w-]*")
# "Chapter 6" says nothing of what it is about.
_PART = re.compile(r"(?:chapter|section|part|appendix|annex|page)\W+[\dA-Z]+\W*", re.IGNORECASE)
_NUMBERING = re.compile(r"^(?:[A-Z]|[IVX]{1,4}|\d{1,2}(?:\.\d{1,2})*)[.)]\s*")
_ARTICLE_BEFORE = re.compile(r"\b(an?)\s+$", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:the|an?)\s+", re.IGNORECASE)
# "Affects many parts of the body" is said of many things.
_VAGUE = re.compile(
    r"\b(?:many|several|various|multiple|different|certain|other)\s+(?:\w+\s+)?(?:\w+s|people)\b"
    r"|\ba (?:variety|number|range) of\b"
)
_ALSO = re.compile(r"\s+also\b")
_INITIAL = re.compile(r"\b\w")


@lru_cache(maxsize=8192)
def terms_in(text: str, language: str = DEFAULT_LANGUAGE) -> frozenset[str]:
    """The terms of a text. Kept, because the same few titles and sentences are asked for often."""
    return frozenset(analyse(text, language))


def words_at(passage: Passage, span: Span) -> str:
    """The text of a span as it is read: on one line, without marks."""
    return plain(masked(passage.text)[span.start : span.end])


def topic_of(passage: Passage) -> str:
    """What the passage's document is called, or its section, by a name that a reader can use."""
    return _topic_of(passage.title, passage.heading_path)


@lru_cache(maxsize=2048)
def _topic_of(title: str | None, heading_path: tuple[str, ...]) -> str:
    for name in (title, *reversed(heading_path)):
        told = _NUMBERING.sub("", plain(masked(_SITE.sub("", name or ""))))
        is_fit = _LEAST_TITLE_CHARACTERS <= len(told) <= _MOST_TITLE_CHARACTERS
        if is_fit and not (_FILE.fullmatch(told) or _PART.fullmatch(told)):
            return told.rstrip(".:")
    return ""


def in_context(question: str, asked: str, passage: Passage, key: str) -> str:
    """The question, opened with the document's title unless its words name all of the topic.

    `asked` is what the reader sees of the source. A title that would give the key away is left
    out: then the key is the topic, and nothing is missing.
    """
    topic = topic_of(passage)
    words = terms_in(topic)
    if not words or words <= terms_in(asked) or words & terms_in(key):
        return question
    return f"According to “{topic}”, {question[0].lower()}{question[1:]}"


def with_gap(passage: Passage, quote: Span, gap: Span) -> str:
    """The sentence with a gap in place of the span; "a" or "an" before it gives nothing away."""
    text = masked(passage.text)
    before, after = text[quote.start : gap.start], text[gap.end : quote.end]
    if has_tagger(passage.language, passage.text):
        before = _ARTICLE_BEFORE.sub(lambda found: f"{found[1][0]}(n) ", before)
    return plain(f"{before}{GAP}{after}")


def opening_of(passage: Passage, fact: Fact) -> str:
    """What stands before the subject, with a space after it; "" for most facts."""
    return f"{words_at(passage, fact.opening)} " if fact.opening else ""


def claim_of(passage: Passage, quote: Span, gap: Span) -> str:
    """The sentence with `{}` in place of the span; braces cannot occur in it."""
    text = masked(passage.text)
    return plain(f"{text[quote.start : gap.start]}{{}}{text[gap.end : quote.end]}")


def explain(passage: Passage, fact: Fact, answer: str) -> str:
    """What the right answer is and the sentence that says so."""
    return f"{answer}. The text says: “{words_at(passage, fact.quote)}”"


def sentence_case(words: str) -> str:
    """The words with a capital letter at the beginning."""
    return words[:1].upper() + words[1:]


def bare(words: str) -> str:
    """The words without the article that opens them."""
    return _ARTICLE.sub("", words, count=1) if _ARTICLE.match(words) else words


def predicate_of(passage: Passage, fact: Fact) -> str:
    """What the fact says of its subject, without "also", which points to another sentence."""
    assert fact.predicate is not None
    words = _ALSO.sub("", f" {words_at(passage, fact.predicate)}").strip()
    return words.rstrip(" ,;")


def says_little(words: str) -> bool:
    """Whether the words are true of many things."""
    return _VAGUE.search(words) is not None


def given_away(key: str, shown: str) -> frozenset[str]:
    """The words of the key that stand in what is shown, themselves or by their family."""
    seen = terms_in(shown)
    return frozenset(word for word in terms_in(key) if any(_is_kin(word, other) for other in seen))


def _is_kin(word: str, other: str) -> bool:
    if word == other or (len(other) >= _LEAST_SHARED_END and word.endswith(other)):
        return True
    length = _LEAST_SHARED_PREFIX
    return len(word) >= length and len(other) >= length and word[:length] == other[:length]


def is_acronym(short: str, long: str) -> bool:
    """Whether the capitals of `short` are initials of `long`, in its order."""
    letters = _capitals(short)
    if len(letters) <= 1:
        return False
    initials = iter(_initials(long))
    return all(letter in initials for letter in letters)


@lru_cache(maxsize=8192)
def _capitals(text: str) -> str:
    return "".join(character for character in text if character.isupper())


@lru_cache(maxsize=8192)
def _initials(text: str) -> str:
    return "".join(_INITIAL.findall(text)).upper()


def hint_at(key: str) -> str:
    """How the key begins and how long it is."""
    count = len(key.split())
    return f"It begins with “{key[0]}” and has {count} word{'s' if count > 1 else ''}."


def quoted_span(facts: Sequence[Fact]) -> Span:
    """From the first fact's quote to the last one's end."""
    return Span(min(fact.quote.start for fact in facts), max(fact.quote.end for fact in facts))
