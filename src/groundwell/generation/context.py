"""The context optimiser: the sentences of the passages that bear on the query, within a budget.

Every sentence of the ranked passages is scored by the query's words in it and near it, by its own
similarity where that is known, and by its passage. The best are taken while the formatted text
fits; then they are put back into the order of their passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from groundwell.domain.chunks import Tokenizer
from groundwell.domain.context import Context, ContextPassage, ContextSource
from groundwell.generation.candidates import Candidate, folded
from groundwell.generation.context_format import NUMBERED_BLOCKS, ContextFormat

BUDGET_CHARS = 4000
GAP = " … "
"""Stands where sentences were left out."""

MIN_RELATIVE_SCORE = 0.3
"""Share of the best sentence's score below which a sentence is left out though there is room."""
MAX_HEAD_SHARE = 0.5
"""Share of the budget that the names of a source may take before a sentence that is cut."""


def optimise_context(
    candidates: Sequence[Candidate],
    passages: Sequence[ContextPassage],
    tokenizer: Tokenizer,
    budget_chars: int = BUDGET_CHARS,
    form: ContextFormat = NUMBERED_BLOCKS,
) -> Context:
    """The context for a query, `budget_chars` characters at most, all marks included.

    `passages` are best first; `candidates` are their sentences, by `candidates_of`, with the same
    `form`. Sentences stand as `form` shows them and in their order; a sentence that another
    passage shows already is left out. Sources are numbered from 1 in the order of the passages.
    Where the best sentence does not fit under its names, sources have numbers only; it is cut, at
    a word, only where no sentence fits whole. The context is empty where not even its first mark
    and a word fit.
    """
    order = sorted(candidates, key=lambda each: (-each.score, each.passage, each.start))
    layout = _Layout(passages, budget_chars, form)
    seen: set[str] = set()
    for candidate in order:
        if candidate.score < MIN_RELATIVE_SCORE * order[0].score:
            break
        text = folded(candidate.shown)
        if text not in seen and layout.add(candidate):
            seen.add(text)
    is_cut = bool(order) and not seen and layout.add_cut(order[0])
    text, sources = layout.finish()
    return Context(text, sources, len(text), len(tokenizer.spans(text)), is_cut)


class _Layout:
    """The context in the making: knows what each further sentence would cost."""

    def __init__(
        self, passages: Sequence[ContextPassage], budget: int, form: ContextFormat
    ) -> None:
        self._passages = passages
        self._budget = budget
        self._form = form
        self._chosen: dict[int, list[Candidate]] = {}
        self._lengths: dict[int, int] = {}
        self._is_named = True

    def add(self, sentence: Candidate) -> bool:
        """Take the sentence if it fits; whether it did.

        The first one that does decides whether sources are named.
        """
        if self._fits(sentence):
            return True
        if self._chosen or not self._is_named:
            return False
        self._is_named = False
        if self._fits(sentence):
            return True
        self._is_named = True
        return False

    def _fits(self, sentence: Candidate) -> bool:
        number = sentence.passage
        chosen = sorted((*self._chosen.get(number, ()), sentence), key=lambda each: each.start)
        # Numbers depend on what else is taken, so the longest one is reckoned with.
        length = len(self._block(len(self._passages), number, chosen))
        others = [size for other, size in self._lengths.items() if other != number]
        total = length + sum(others) + len(self._form.between) * len(others)
        if total > self._budget:
            return False
        self._chosen[number] = chosen
        self._lengths[number] = length
        return True

    def add_cut(self, sentence: Candidate) -> bool:
        """Take as many words of the sentence as fit; whether there were any."""
        text = self._passages[sentence.passage].text
        head = self._block(1, sentence.passage, [])
        self._is_named = len(head) <= MAX_HEAD_SHARE * self._budget
        room = self._budget - len(self._block(1, sentence.passage, []))
        end = min(sentence.end, sentence.start + room)
        while end > sentence.start:
            # A script without spaces has no better place.
            last_space = max(text.rfind(space, sentence.start, end + 1) for space in " \n\t")
            piece = text[sentence.start : last_space if last_space > sentence.start else end]
            shown = self._form.shown(piece.rstrip())
            if 0 < len(shown) <= room:
                cut_end = sentence.start + len(piece.rstrip())
                self._chosen[sentence.passage] = [replace(sentence, end=cut_end, shown=shown)]
                return True
            # What is shown can be longer than what is written.
            end = sentence.start + len(piece) - 1
        return False

    def finish(self) -> tuple[str, tuple[ContextSource, ...]]:
        """The formatted text and what is in it."""
        blocks: list[str] = []
        sources: list[ContextSource] = []
        for number, passage in enumerate(sorted(self._chosen), start=1):
            chosen = self._chosen[passage]
            blocks.append(self._block(number, passage, chosen))
            spans = tuple((sentence.start, sentence.end) for sentence in chosen)
            sources.append(ContextSource(number, passage, spans))
        return self._form.between.join(blocks), tuple(sources)

    def _block(self, number: int, passage: int, chosen: Sequence[Candidate]) -> str:
        text = self._passages[passage].text
        parts = [self._form.head(number, self._passages[passage], is_named=self._is_named)]
        for index, sentence in enumerate(chosen):
            if index > 0:
                parts.append(_joint(text, chosen[index - 1], sentence))
            parts.append(sentence.shown)
        return "".join((*parts, self._form.tail))


def _joint(text: str, first: Candidate, second: Candidate) -> str:
    if first.position + 1 != second.position:
        return GAP
    return "\n" if "\n" in text[first.end : second.start] else " "
