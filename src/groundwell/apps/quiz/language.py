"""English grammar for making questions: parts of speech, noun phrases, number.

The one place that knows the tagger. It is Brill's (1992, "A simple rule-based part of speech
tagger") as textblob brings it, with Penn Treebank tags; it reads about 75,000 words a second and
needs no download. Other languages have no tagger here: whoever asks falls back on capital letters,
numbers and how rare a word is.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from threading import Lock
from typing import Final, NamedTuple, Protocol, cast

from groundwell.domain.languages import DEFAULT_LANGUAGE

_WORD = r"[^\W\d_]"
_TOKEN = re.compile(
    r"\d+(?:[.,]\d+)*(?![^\W_])"
    r"|['’]s\b"
    r"|[^\W_]+(?:(?!['’]s\b)['’.&/‐‑-][^\W_]+)*"
    r"|[^\w\s]"
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LETTERED = re.compile(_WORD)

# One letter a token, so that a grammar is a regular expression over a sentence.
_CLASSES: Final = {
    **dict.fromkeys(("NN", "NNS", "NNP", "NNPS", "NNP-PERS", "NNP-LOC", "NNP-ORG", "FW"), "N"),
    **dict.fromkeys(("JJ", "JJR", "JJS"), "J"),
    **dict.fromkeys(("DT", "PDT"), "D"),
    **dict.fromkeys(("VBZ", "VBP", "VBD", "MD"), "V"),
    "VB": "B",
    "VBG": "G",
    "VBN": "E",
    **dict.fromkeys(("IN", "TO"), "I"),
    "CC": "C",
    **dict.fromkeys(("RB", "RBR", "RBS", "RP"), "R"),
    "CD": "#",
    **dict.fromkeys(("PRP", "PRP$", "EX"), "P"),
    **dict.fromkeys(("WDT", "WP", "WP$", "WRB"), "W"),
    "POS": "s",
}
_OTHER = "."
LENGTH_OF_ENDING = 4
_MOST_OF_ENDING = 100
_FIRST_OTHER_SCRIPT = "\u0370"
_FINITE = frozenset({"VBZ", "VBP", "VBD", "VB", "MD"})
_PHRASE = re.compile(r"D?(?:[RJGE#N]s?|N,(?=J))*?[JGE#Ns]*N")
_RELATIVES = frozenset({"that", "which", "who", "whose", "whom", "where", "when"})
_DETERMINERS = frozenset({"each", "every", "any", "some", "all", "both", "no", "another"})


class Span(NamedTuple):
    """A half-open range of characters."""

    start: int
    end: int


class Token(NamedTuple):
    """A word, number or mark: `text == whole[start:end]`, with its Penn Treebank tag."""

    text: str
    start: int
    end: int
    tag: str

    @property
    def kind(self) -> str:
        """The part of speech as one letter.

        N noun, J adjective, D determiner, V finite verb, B base form, G -ing form, E participle,
        I preposition, C conjunction, R adverb, # number, P pronoun, W relative or question word,
        s possessive mark; a mark is itself, or a dot.
        """
        return _kind_of(self.text, self.tag)


@lru_cache(maxsize=1 << 14)
def _kind_of(text: str, tag: str) -> str:
    if not _LETTERED.search(text) and not text[0].isdigit():
        return text if text in ",()" else _OTHER
    return _CLASSES.get(tag, _OTHER)


class _Lexicon(Protocol):
    def __contains__(self, word: str) -> bool: ...

    def keys(self) -> Iterable[str]: ...


class _Tagger(Protocol):
    lexicon: _Lexicon

    def find_tags(self, tokens: list[str]) -> list[list[str]]: ...


_loading = Lock()


@cache
def _tagger() -> _Tagger:
    # Takes most of a second, and not every server makes questions.
    from textblob.en import parser  # noqa: PLC0415 - slow, see above

    tagger = cast("_Tagger", parser)
    # It reads its lexicon when it is first asked; a second thread would see a part of it.
    with _loading, warnings.catch_warnings():
        # It leaves its lexicon's file to the garbage collector to close.
        warnings.simplefilter("ignore", ResourceWarning)
        tagger.find_tags(["word"])
    return tagger


@lru_cache(maxsize=10_000)
def _singular(noun: str) -> str:
    from textblob.en.inflect import singularize  # noqa: PLC0415 - as above

    return cast("str", singularize(noun))


@lru_cache(maxsize=2048)
def has_tagger(language: str, text: str) -> bool:
    """Whether the text's sentences can be analysed: it is English, and in Latin letters.

    What nobody could tell the language of counts as English elsewhere, in any script.
    """
    if language != DEFAULT_LANGUAGE:
        return False
    if text.isascii():
        return any(map(str.isalpha, text))
    letters = [character for character in text if character.isalpha()]
    return sum(character < _FIRST_OTHER_SCRIPT for character in letters) * 2 > len(letters)


def tagged(text: str, start: int = 0, end: int | None = None) -> tuple[Token, ...]:
    """The tokens of one English sentence, `text[start:end]`; offsets point into `text`."""
    found = list(_TOKEN.finditer(text, start, len(text) if end is None else end))
    words = [match.group().replace("’", "'") for match in found]
    tags = _with_verb([tag for _, tag in _tagger().find_tags(words)] if words else [])
    return tuple(
        Token(match.group(), match.start(), match.end(), _corrected(words, tags, place))
        for place, match in enumerate(found)
    )


def _with_verb(tags: list[str]) -> list[str]:
    """The tags with a past tense for the first participle, where no other verb is finite."""
    if any(tag in _FINITE for tag in tags):
        return tags
    place = next(
        (
            place
            for place, tag in enumerate(tags)
            if tag == "VBN" and place and tags[place - 1].startswith("NN")
        ),
        None,
    )
    return tags if place is None else [*tags[:place], "VBD", *tags[place + 1 :]]


def _corrected(words: Sequence[str], tags: Sequence[str], place: int) -> str:
    """The tag, where the closed classes leave no doubt and the tagger does."""
    word = words[place].lower()
    if _NUMBER.fullmatch(word):
        return "CD"
    if word == "'s":
        return "POS"
    after = tags[place + 1] if place + 1 < len(tags) else ""
    if word in _RELATIVES and (word != "that" or after.startswith(("VB", "MD", "RB"))):
        return "WDT"
    if word in _DETERMINERS:
        return "DT"
    if (
        tags[place] == "VBD"
        and place
        and tags[place - 1] == "DT"
        and after.startswith(("NN", "JJ"))
    ):
        return "VBN"  # "a mismatched transfusion"
    return tags[place]


def shape(tokens: Sequence[Token]) -> str:
    """The kinds of the tokens, one letter each."""
    return "".join(token.kind for token in tokens)


def noun_phrases(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """The half-open ranges of tokens that are simple noun phrases, in order."""
    return [match.span() for match in _PHRASE.finditer(shape(tokens))]


def without_article(tokens: Sequence[Token]) -> Sequence[Token]:
    """The phrase without the determiner that opens it."""
    return tokens[1:] if tokens and tokens[0].kind == "D" else tokens


def head_of(tokens: Sequence[Token]) -> Token | None:
    """The noun that a phrase is about: the last one before a preposition or relative clause."""
    head = None
    for token in tokens:
        if token.kind == "N":
            head = token
        elif head is not None and token.kind not in "sRJGE#":
            break
    return head


def noun_span(tokens: Sequence[Token]) -> Span | None:
    """Where the noun stands that a phrase is about."""
    head = head_of(tokens)
    return None if head is None else Span(head.start, head.end)


def is_plural(tokens: Sequence[Token]) -> bool:
    """Whether a phrase names several things."""
    head = head_of(tokens)
    joined = any(token.kind == "C" and token.text.lower() == "and" for token in tokens)
    return joined or (head is not None and head.tag in {"NNS", "NNPS"})


def is_name(tokens: Sequence[Token]) -> bool:
    """Whether a phrase is a proper name, as far as its spelling tells."""
    words = [token for token in tokens if token.kind in "NJ"]
    return bool(words) and all(token.text[:1].isupper() for token in words)


@lru_cache(maxsize=1 << 14)
def is_everyday(word: str) -> bool:
    """Whether the word stands in the tagger's lexicon of general English."""
    lexicon, lowered = _tagger().lexicon, word.lower()
    return lowered in lexicon or _singular(lowered) in lexicon


def tells_field(ending: str) -> bool:
    """Whether few words of general English have the ending of four letters: "itis", not "tion"."""
    return 0 < _endings()[ending.lower()] <= _MOST_OF_ENDING


@cache
def _endings() -> Counter[str]:
    words = _tagger().lexicon.keys()
    return Counter(word[-LENGTH_OF_ENDING:].lower() for word in words)


def spanned(tokens: Sequence[Token]) -> Span:
    """From the first token's beginning to the last one's end."""
    return Span(tokens[0].start, tokens[-1].end)
