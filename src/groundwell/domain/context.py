"""The context of an answer: what of the passages found is shown to whoever words it."""

from __future__ import annotations

from dataclasses import dataclass

from groundwell.domain.languages import DEFAULT_LANGUAGE


@dataclass(frozen=True, slots=True)
class ContextPassage:
    """A passage that context may be taken from. `score` is in [0, 1], `language` in ISO 639-1."""

    text: str
    title: str | None = None
    heading_path: tuple[str, ...] = ()
    score: float = 1.0
    page: int | None = None
    language: str = DEFAULT_LANGUAGE


@dataclass(frozen=True, slots=True)
class ContextSource:
    """A passage in the context: it stands there as `[number]`.

    `passage` is its place in the list that was given; `spans` are the parts of its text that are
    shown, in order, each a sentence.
    """

    number: int
    passage: int
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Context:
    """The text to show, and what is in it. `tokens` are the model's own.

    `is_cut` tells that one sentence was longer than the whole budget and ends early.
    """

    text: str
    sources: tuple[ContextSource, ...]
    characters: int
    tokens: int
    is_cut: bool = False
