"""Which sentences say something that a stranger understands.

A sentence is of no use for a question when it leans on what stands around it: when it opens with
a pronoun or points elsewhere, talks to its reader, is cut off, or is furniture of the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from groundwell.apps.quiz.facts.markup import masked, without_references
from groundwell.apps.quiz.facts.reading import sentences_in
from groundwell.apps.quiz.language import (
    Span,
    Token,
    is_everyday,
    noun_phrases,
    shape,
    tagged,
)
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.languages import DEFAULT_LANGUAGE, function_words
from groundwell.domain.sentences import trim

_LEAST_CHARACTERS = 30
_MOST_CHARACTERS = 320
_LEAST_LETTERS = 0.7
_LEAST_EVERYDAY = 0.5
_MOST_FIGURES = 5
_LEAST_GLUED = 3
_SMALL_WORDS = tuple(
    sorted(word for word in function_words(DEFAULT_LANGUAGE) if len(word) >= _LEAST_GLUED)
)
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")

# English is named by its closed classes only: words that point, that join sentences, that address.
_POINTING = re.compile(
    r"\b(?:this|these|those(?! (?:who|that|with|of|in)\b)|such(?! as)|herein|here|elsewhere|"
    r"(?:above|below)(?! (?:the|an?|\d))|remaining|"
    r"the following|as follows|aforementioned|now|same|the (?:former|latter)|respectively|"
    r"the other|(?<!one )(?<!to )another|as (?:mentioned|described|discussed|noted|shown|seen)|"
    r"(?<!can )(?<!may )(?<!to )see|shown in|"
    r"(?:fig(?:ure|s)?|table|chapter|section|appendix|eq(?:uation)?|page)\.?\s*\d+)\b",
    re.IGNORECASE,
)
_POINTING_THAT = re.compile(r"(?:^|\b(?:of|in|for|with|by|at|from|to) )that\b(?! \w+ly\b)")
_JOINING = re.compile(
    r"(?:however|therefore|thus|hence|moreover|furthermore|additionally|consequently|otherwise|"
    r"instead|also|then|so|but|and|or|yet|nor|meanwhile|similarly|likewise|conversely|besides|"
    r"nevertheless|nonetheless|accordingly|alternatively|finally|afterwards?|next|still|again|"
    r"in (?:addition|contrast|turn|fact|other words|these|this|both|general)|as a result|"
    r"today|now|currently|recently|earlier|later|surprisingly|"
    r"for (?:example|instance|this)|on the other hand|by contrast|at (?:this|that)|"
    r"because of (?:this|that)|others?|the other|either|neither)\b(?!-)",
    re.IGNORECASE,
)
_ADDRESSING = re.compile(
    r"\b(?:I|we|us|our|ours|you|your|yours|me|my|mine|let's|please)\b",
    re.IGNORECASE,
)
_FURNITURE = re.compile(
    r"©|\b(?:copyright\b|www\.|doi\b|ISBN\b|ISSN\b|et al\b|click\b|more (?:information|details)\b|"
    r"web ?(?:site|page)\b|newsletter\b|cookies?\b|"
    r"this (?:page|summary|article|document|chapter|section)\b)|all rights reserved|https?:|arXiv:",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\S@\S+\.\S")
# Pages, volumes, dates of editing and telephone numbers: looked for where there is a figure.
_NUMBERED = re.compile(
    r"\bpp?\.\s?\d|\d{4};\s?\d|\b(?:updated|reviewed|accessed|retrieved|modified|"
    r"published)(?: on)?:?\s+(?:\w+\s+)?\d|\(\d{3}\)\s?\d{3}|\+?\d[\d\s-]{8,}\d",
    re.IGNORECASE,
)
_INLINE_LIST = re.compile(r"(?<=\s)[-–•*]\s+\w|\s\|\s|\t|…|\.\.\.|[{}<>=\\]|[a-z]-\s*\n")
_BRACKETS = (("(", ")"), ("[", "]"), ("“", "”"))
# A heading that ran into the sentence below it: "Surgery Most patients have ...".
_RUN_IN = re.compile(
    r"(?<=[\w)] )(?:The|A|An|Most|Many|Some|In|On|At|If|When|There|It|This|These|They|For|To|"
    r"What|How|Who|Is|Are|All|Each|As|Because|People|By|No)(?= [a-z])"
)
# Or rows of a table: "Skin ulcer 90% Scarring 50%".
_TORN = re.compile(r"^\W?\d{1,2}[.)]\S|[.;] \(|\(\s*\)|[a-z)]\.[A-Z\d]|--|\b(\w{4,}) \1\b|% [A-Z]")
# "People who are 65 years old.": an item of a list, whose only verb is of a relative clause.
_FRAGMENT = re.compile(r"D?[RJGE#Ns]*N,?W[^V]*V[^V]*")
# "If it splits, whisk a yolk": an order. What a tagger takes for a bare noun before an article is
# its verb.
_ORDER = re.compile(r"[IW][^,]*,(?:B|ND)")
_CONDITION = re.compile(r"\b(?:if|when|first)\b", re.IGNORECASE)
_PRONOUNS = frozenset({"it", "they", "them", "its", "their", "theirs", "itself", "themselves"})
_OBJECTS = frozenset({"it", "them"})
_PERSONAL = frozenset({"he", "she", "him", "her", "his", "hers", "himself", "herself"})
_EMPTY_IT = re.compile(
    r"\bit (?:is|was|can be|has been|may be) \w+(?:ed)? (?:that|to|by)\b", re.IGNORECASE
)
_REPEATED = re.compile(
    r"^(?P<opening>\w[\w ,()-]{3,80}) (?P=opening)\b|"
    r"\b(?P<words>[\w-]+(?: [\w-]+){1,5}) (?P=words)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of a passage that can stand alone. `text` is the passage's, without marks.

    `is_first` when it is the first sentence below its heading.
    """

    text: str
    span: Span
    tokens: tuple[Token, ...]
    shape: str
    is_first: bool

    @property
    def words(self) -> str:
        """The sentence without marks; line breaks are still in it."""
        return self.text[self.span.start : self.span.end]


def statements_of(passage: Passage) -> Iterator[Statement]:
    """The English sentences that can stand alone, in their order."""
    text = masked(passage.text)
    is_first = bool(passage.heading_path) and _opens_section(passage)
    for raw_start, raw_end in sentences_in(without_references(passage.text)):
        span = trim(text, raw_start, raw_end)
        if span is None or not is_sentence(text[span[0] : span[1]]):
            continue
        if _stands_alone(text[span[0] : span[1]]):
            tokens = tagged(text, *span)
            kinds = shape(tokens)
            if _is_told(tokens, kinds):
                yield Statement(text, Span(*span), tokens, kinds, is_first)
        is_first = False


def is_sentence(words: str) -> bool:
    """Whether the words are one whole sentence, in any language: no question, nothing cut off."""
    if not _LEAST_CHARACTERS <= len(words) <= _MOST_CHARACTERS or words[-1] not in ".。।":
        return False
    if words[0].islower() or not (words[0].isalnum() or words[0] in "\"“‘'(¿"):
        return False
    figures = len(_FIGURE.findall(words))
    if figures > _MOST_FIGURES:
        return False  # a table that lost its lines
    letters = sum(map(str.isalpha, words)) + sum(map(str.isspace, words))
    if letters < _LEAST_LETTERS * len(words) or words.count('"') % 2:
        return False
    if any(words.count(opening) != words.count(closing) for opening, closing in _BRACKETS):
        return False
    return not (
        ("@" in words and _ADDRESS.search(words))
        or (figures and _NUMBERED.search(words))
        or _INLINE_LIST.search(words)
        or _FURNITURE.search(words)
    )


def _opens_section(passage: Passage) -> bool:
    opening = masked(passage.text).lstrip()
    return opening.startswith(passage.heading_path[-1])


def _stands_alone(words: str) -> bool:
    parts = words.split()
    flat = " ".join(parts)
    # What takes least time comes first.
    return not (
        "?" in flat
        or "!" in flat
        or ":" in flat
        or _JOINING.match(flat)
        or _RUN_IN.search(flat)
        or _POINTING_THAT.search(flat)
        or _ADDRESSING.search(flat)
        or _POINTING.search(flat)
        or _TORN.search(flat)
        or _REPEATED.search(flat)
        or ("then" in parts and not _CONDITION.search(flat))
    )


def _is_told(tokens: tuple[Token, ...], kinds: str) -> bool:
    """Whether something is told of something named: no order, and no pronoun without its noun."""
    if not tokens or kinds[0] in "BPVCW" or "V" not in kinds.replace("B", "V"):
        return False
    is_definite = tokens[0].text.lower() in {"the", "a", "an"}
    if _FRAGMENT.fullmatch(kinds) or _ORDER.match(kinds):
        return False
    if kinds[0] in "DJ#" and kinds[1] in "VBRI," and not is_definite:
        return False  # "Some are ...", "Most of ...": of whom is said before
    words = [token.text for token in tokens if token.kind != "." and token.text.isalpha()]
    if sum(map(is_everyday, words)) < _LEAST_EVERYDAY * len(words):
        return False  # another language, or the filler of a layout
    return not any(map(_is_glued, words)) and _has_nouns(tokens, kinds)


def _has_nouns(tokens: tuple[Token, ...], kinds: str) -> bool:
    """Whether each pronoun has a noun before it that it can stand for."""
    for place, token in enumerate(tokens):
        # What an object stands for is not the subject: it takes a second noun.
        is_object = place > 0 and kinds[place - 1] in "VBGE" and token.text.lower() in _OBJECTS
        least = 2 if is_object else 1
        if token.text.lower() in _PRONOUNS and len(noun_phrases(tokens[:place])) < least:
            return bool(_EMPTY_IT.search(" ".join(each.text for each in tokens[place : place + 8])))
        if token.text.lower() in _PERSONAL:
            least = 2 if _is_personal_object(tokens, kinds, place) else 1
            if _count_names(tokens[:place]) < least:
                return False
    return True


@lru_cache(maxsize=8192)
def _is_glued(word: str) -> bool:
    """Whether a space was lost: a word that nobody knows ends in a small one that all know."""
    if not (word.islower() and word.endswith(_SMALL_WORDS)) or is_everyday(word):
        return False
    return any(
        word.endswith(small) and is_everyday(word.removesuffix(small))
        for small in _SMALL_WORDS
        if len(small) <= len(word) - _LEAST_GLUED
    )


def _is_personal_object(tokens: tuple[Token, ...], kinds: str, place: int) -> bool:
    word = tokens[place].text.lower()
    is_owner = kinds[place + 1 : place + 2] in tuple("NJRG#")
    return word == "him" or (word == "her" and not is_owner)


def _count_names(tokens: tuple[Token, ...]) -> int:
    """How many names there are; the words of one stand side by side."""
    are_named = [token.kind == "N" and token.text[:1].isupper() for token in tokens]
    return sum(named and not before for before, named in pairwise((False, *are_named)))
