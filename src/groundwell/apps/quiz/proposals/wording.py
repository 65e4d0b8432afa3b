"""Rules for words that a model wrote, or that want a model to write something."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from groundwell.domain.sentences import sentence_spans
from groundwell.generation.check import numbers_in

_JOINERS = frozenset("\u200c\u200d")

# Said to a model, in the languages that such texts are mostly written in. A pattern is tried only
# where the words before it occur: texts that have none, which is most, are passed over at once.
# Determiners keep "drivers who ignore the rules" out.
_ORDERS = tuple(
    (words.split("|"), re.compile(pattern, re.IGNORECASE | re.VERBOSE))
    for words, pattern in (
        (
            "ignore|disregard|forget|override|bypass",
            r"""\b(?:ignore|disregard|forget|override|bypass)\s+(?:all|any|every|everything|your|my|
            previous|prior|above|earlier|these|those|the\s+(?:above|previous|prior|earlier|system))\b
            [^.!?\n]{0,60}?\b(?:instruction|prompt|rule|order|direction|guideline|told|said|above)""",
        ),
        (
            "ignorier|vergiss|vergesst|missachte",
            r"""\b(?:ignorier\w*|vergiss|vergesst|missachte\w*)\b[^.!?\n]{0,60}?
            \b(?:anweisung|instruktion|regeln|vorgaben|prompt)""",
        ),
        (
            "ignor|oubli|olvid",
            r"""\b(?:ignore[rz]?|oublie[rz]?|ignora|olvid[ae])\b[^.!?\n]{0,60}?
            \b(?:instructions|consignes|instrucciones)\b""",
        ),
        ("忽略", "忽略.{0,12}(?:指令|指示|内容|提示)"),
        ("prompt|jailbreak", r"\bsystem\s+prompt\b|\bjailbreak"),
        (
            "model|assistant|chatbot|an ai",
            r"""\bas\s+an?\s+(?:ai|language)\s+(?:model|assistant)\b
            | \byou\s+are\s+(?:now\s+)?(?:an?|the)\s+(?:ai|chatbot|language\s+model)\b""",
        ),
        (
            " with| mit| avec| con|回答",
            r"""\b(?:reply|respond|answer)\s+(?:only\s+)?with\s*: | 回答\s*:
            | \b(?:antworte\w*\s+mit|réponds?\s+avec|responde\s+con)\s*:""",
        ),
        (
            "always|immer|toujours|siempre",
            r"""\b(?:answer|option|choice|key|antwort|lösung|réponse|respuesta)s?\b[^.!?\n]{0,60}?
            \b(?:always|immer|toujours|siempre)\s*[:=]?\s*["'(„«]?(?-i:[A-H])\b
            | \balways\s+(?:choose|pick|answer|select)\s+["'(]?(?-i:[A-H])\b""",
        ),
    )
)
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_SOURCE_WORDS = re.compile(
    r"\b(?:passages?|excerpts?|sources?|texts?|author|textstelle|abschnitt|extrait|fragmento)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^\s*(?:\(?[A-Ha-h][).:]|[A-H]\s-)\s+(?=\S)")
_LETTER = re.compile(r"\W*[A-Ha-h]\W*")
_LONE_LETTER = re.compile(r"(?<![\w'’.-])[A-H](?![\w'’])")
_ARTICLE = re.compile(r"A\s+(?!(?:is|was|are|and|or)\b)[^\W\d_]")
_ORDINAL = re.compile(
    r"\b(?:first|second|third|fourth|fifth|last|next|previous)\s+(?:option|answer|choice)s?\b"
    r"|\b(?:option|choice)s?\s+(?:\d|one|two|three|four|five)\b",
    re.IGNORECASE,
)
_ALIVE = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,20}://|\bwww\.)[^\s<>\[\]()\"'`]+|\]\(|\]:|<[a-z/!?][^>]*>?",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """One line without control characters and marks that turn the direction of writing."""
    kept = (c for c in text if c.isspace() or c in _JOINERS or unicodedata.category(c)[0] != "C")
    return " ".join("".join(kept).split())


def gives_orders(text: str) -> bool:
    """Whether a text speaks to a model that reads it, rather than to people."""
    visible = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    lowered = visible.lower()
    return any(
        pattern.search(visible)
        for words, pattern in _ORDERS
        if any(word in lowered for word in words)
    )


def names_source(question: str, passage: str) -> bool:
    """Whether a question speaks of a passage as such, where the passage itself has no such word."""
    known = {word.casefold() for word in _SOURCE_WORDS.findall(passage)}
    return any(word.casefold() not in known for word in _SOURCE_WORDS.findall(question))


def is_letter(option: str) -> bool:
    """Whether an option is but the letter of one."""
    return _LETTER.fullmatch(option) is not None


def without_label(option: str) -> str:
    """An option without the letter that a model put before it, as in `B) Bern`."""
    return _LABEL.sub("", option)


def has_foreign_markup(texts: Iterable[str], passage: str) -> bool:
    """Whether the texts have a web address, a link or a tag that the passage lacks."""
    found = (match.group().rstrip(".,;:!?") for text in texts for match in _ALIVE.finditer(text))
    return any(piece not in passage for piece in found)


def has_foreign_number(text: str, passage: str) -> bool:
    """Whether the text has a number that the passage lacks."""
    return not numbers_in(text) <= numbers_in(passage)


def sound_sentences(text: str, passage: str, is_borne: Callable[[str], bool]) -> str:
    """The sentences of an explanation that name no option by its place and invent nothing.

    `is_borne`: whether the source says what a sentence says.
    """
    sentences = (text[start:end] for start, end in sentence_spans(text))
    return " ".join(each for each in sentences if _is_sound(each, passage) and is_borne(each))


def _is_sound(sentence: str, passage: str) -> bool:
    return not (
        gives_orders(sentence)
        or has_foreign_markup((sentence,), passage)
        or has_foreign_number(sentence, passage)
        or _names_place(sentence, passage)
    )


def _names_place(sentence: str, passage: str) -> bool:
    """Whether a sentence names an option by letter or number; "vitamin C" is one of the passage."""
    if _ORDINAL.search(sentence):
        return True
    return not _letters_in(sentence) <= _letters_in(passage)


def _letters_in(text: str) -> set[str]:
    """The capital letters up to H that stand alone, but for the article."""
    found = _LONE_LETTER.finditer(text)
    return {letter.group() for letter in found if not _ARTICLE.match(text, letter.start())}
