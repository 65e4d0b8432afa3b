"""What a fact is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from groundwell.apps.quiz.language import Span
from groundwell.domain.chunks import ChunkId


class FactKind(StrEnum):
    """How a fact is stated."""

    DEFINITION = "definition"
    """What something is: "X is a Y that ..."."""
    STATEMENT = "statement"
    """What something does or has."""
    CAUSE = "cause"
    """What comes of what."""
    CONTRAST = "contrast"
    """How two things differ."""
    QUANTITY = "quantity"
    """A number with its unit."""
    ENUMERATION = "enumeration"
    """What belongs to something: three things or more in one sentence."""
    STEPS = "steps"
    """What is done in which order."""
    GLOSSARY = "glossary"
    """A list of things, each with what is said about it."""
    TABLE = "table"
    """Rows with a name and a value each."""
    GLOSS = "gloss"
    """What something is called, said in passing: "yellowing of the skin (jaundice)"."""
    TERM = "term"
    """A sentence whose parts are not told apart, as in languages without a tagger."""
    DENIAL = "denial"
    """What something is not, or does not do."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of one passage. All spans are offsets in `passage.text`.

    `quote` is what proves it: a sentence, a list, rows of a table. `subject` is what the sentence
    is about, with its article; `predicate` the rest of it, without the full
    stop; `opening` what stands before the subject, as in "In India, ...". `object` is the
    other side: the cause, the other party of a contrast, the kind of thing that a definition
    names. `number` and `unit` belong to a quantity, `value` is its number; `is_rough` when the
    text says "about". `labels` and `items` are two columns of equal length, or only items. `terms`
    are the noun phrases worth asking for. `is_plural` tells the subject's number, `is_askable`
    whether it is a thing of its own that can be asked for: a technical term, a name, the topic.
    `weight` says how much the fact is worth asking: 1 for any, more for what is central. `column`
    names what the items of a table are. `kind_noun` is the noun by which a definition or gloss says
    what kind of thing its subject is: "procedure" in "a surgical procedure in which ...".
    `phrases` tell one thing of a kind from others, as "optic nerve" does.
    """

    kind: FactKind
    chunk_id: ChunkId
    quote: Span
    subject: Span | None = None
    predicate: Span | None = None
    opening: Span | None = None
    object: Span | None = None
    number: Span | None = None
    unit: Span | None = None
    value: float | None = None
    is_rough: bool = False
    labels: tuple[Span, ...] = ()
    items: tuple[Span, ...] = ()
    column: Span | None = None
    kind_noun: Span | None = None
    phrases: tuple[Span, ...] = ()
    terms: tuple[Span, ...] = ()
    is_plural: bool = False
    is_askable: bool = False
    weight: float = 1.0
