"""Things that passages name: what is asked for, and what is offered beside it."""

from __future__ import annotations

from dataclasses import dataclass

from groundwell.apps.quiz.forms.wording import bare, sentence_case, terms_in, topic_of
from groundwell.apps.quiz.language import has_tagger, is_everyday
from groundwell.apps.quiz.questions import Passage


@dataclass(frozen=True, slots=True)
class Term:
    """Something that the passages name.

    `text` begins with a capital, without an article; `named` opens a sentence, with one if the
    passages give it one. `has_own_noun` when its last word is one that general English lacks,
    `is_topic` when it is the title of its document.
    `follows` is the word before it in the passages, such as "in" before places.
    `kind` are the words that a definition files it under, none without one; `kind_noun` is the noun
    among them. `definition` is the
    sentence that defines it.
    """

    text: str
    named: str
    words: frozenset[str]
    document_id: str
    heading: str
    is_plural: bool
    is_name: bool
    is_subject: bool
    has_own_noun: bool
    is_topic: bool
    kind: frozenset[str] = frozenset()
    definition: str = ""
    follows: str = ""
    kind_noun: frozenset[str] = frozenset()


def make_term(
    words: str,
    passage: Passage,
    *,
    is_plural: bool,
    is_name: bool,
    is_subject: bool,
    kind: frozenset[str] = frozenset(),
    definition: str = "",
    follows: str = "",
    kind_noun: frozenset[str] = frozenset(),
) -> Term:
    """What the words of a passage name."""
    text = bare(words)
    return Term(
        text=sentence_case(text),
        named=sentence_case(words),
        words=terms_in(text),
        document_id=passage.document_id,
        heading=passage.heading_path[-1] if passage.heading_path else "",
        is_plural=is_plural,
        is_name=is_name,
        is_subject=is_subject,
        is_topic=text.casefold() == topic_of(passage).casefold(),
        has_own_noun=has_tagger(passage.language, passage.text)
        and not is_everyday(text.split()[-1]),
        kind=kind,
        definition=definition,
        follows=follows,
        kind_noun=kind_noun,
    )


def looks_like_name(text: str) -> bool:
    """Whether capitals beyond the first letter mark a name or an acronym."""
    words = text.split()
    return any(character.isupper() for character in text[1:]) and all(
        any(character.isupper() or character.isdigit() for character in word) for word in words
    )


def looks_plural(words: str) -> bool:
    """Whether the last word has the ending of a plural."""
    last = words.rsplit(maxsplit=1)[-1].lower()
    return last.endswith("s") and not last.endswith(("ss", "us", "is"))
