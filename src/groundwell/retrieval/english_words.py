"""A general English dictionary, for words that a collection cannot vouch for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate

import numpy as np
import numpy.typing as npt

MAX_DISTANCE = 2
"""Edits up to which words are found."""

_FILE = "frequency_dictionary_en_82_765.txt"

_Letters = npt.NDArray[np.uint8]


class EnglishWords:
    """82,765 English words with their frequencies, read when first needed: 0.1 s and 20 MB.

    Source: the word list that symspellpy ships.
    """

    def __init__(self) -> None:
        self._list: _WordList | None = None
        self._reading = asyncio.Lock()

    async def prepare(self) -> None:
        """Read the list in a thread, unless that has happened."""
        async with self._reading:
            if self._list is None:
                self._list = await asyncio.to_thread(_read)

    def has(self, word: str) -> bool:
        """Whether the word, in lower case, is in the dictionary. Only after `prepare`."""
        return word in self._ready.frequencies

    def near(self, word: str, max_distance: int) -> Iterator[tuple[str, int, int]]:
        """Words within the distance: word, distance, frequency. Only after `prepare`.

        The distance counts insertions, deletions, replacements and swaps of neighbours, and no
        letter is edited twice (L. Boytsov 2011, optimal string alignment).
        """
        return self._ready.near(word, max_distance)

    @property
    def _ready(self) -> _WordList:
        assert self._list is not None, "prepare comes first"
        return self._list


@dataclass(frozen=True, slots=True)
class _WordList:
    """Words in order of their length.

    `letters`: [words, longest] as bytes, 0 behind a word's end. `kinds`: [words], a bit for each
    letter that occurs. `starts`: where each length begins.
    """

    frequencies: dict[str, int]
    words: Sequence[str]
    letters: _Letters
    kinds: npt.NDArray[np.uint32]
    starts: Sequence[int]

    def near(self, word: str, limit: int) -> Iterator[tuple[str, int, int]]:
        """Compares with all words of nearly the same length and nearly the same letters."""
        last = len(self.starts) - 1
        first = self.starts[min(max(len(word) - limit, 0), last)]
        end = self.starts[min(len(word) + limit + 1, last)]
        spelt = word.encode("latin-1", "replace")
        kind = np.uint32(_kind(spelt))
        # An edit takes away one letter at most, and brings one at most.
        lost = np.bitwise_count(kind & ~self.kinds[first:end])
        won = np.bitwise_count(self.kinds[first:end] & ~kind)
        left = first + np.flatnonzero((lost <= limit) & (won <= limit))
        rows = _align(spelt, self.letters[left, : len(spelt) + limit].T, limit)
        for place, row in zip(left.tolist(), rows.T.tolist(), strict=True):
            found = self.words[place]
            distance = row[len(found)]
            if distance <= limit:
                yield found, distance, self.frequencies[found]


def _kind(spelt: bytes) -> int:
    kind = 0
    for letter in spelt:
        kind |= 1 << (letter & 31)
    return kind


def _align(spelt: bytes, letters: _Letters, limit: int) -> _Letters:
    """The distances of a word from the beginnings of others.

    `letters`: [length, words]. Returns [length + 1, words]: edits to the first 0, 1, 2 ... letters
    of each. Whatever is above the limit stands for all that is.
    """
    far = np.full((len(letters) + 1, letters.shape[1]), limit + 1, dtype=np.uint8)
    before, row = far, far.copy()
    row[: limit + 1] = np.arange(limit + 1, dtype=np.uint8)[: len(row), None]
    for place in range(1, len(spelt) + 1):
        before, row = row, _next_row(before, row, spelt[:place], letters, limit)
    return row


def _next_row(
    before: _Letters, row: _Letters, spelt: bytes, letters: _Letters, limit: int
) -> _Letters:
    """The row of one letter more, the last of `spelt`. Only the band within the limit is filled."""
    place, letter = len(spelt), spelt[-1]
    following = np.full_like(row, limit + 1)
    if place <= limit:
        following[0] = place
    for at in range(max(1, place - limit), min(len(letters), place + limit) + 1):
        edits = row[at - 1] + (letters[at - 1] != letter)
        np.minimum(edits, row[at] + 1, out=edits)
        np.minimum(edits, following[at - 1] + 1, out=edits)
        if at > 1 and place > 1:
            is_swap = (letters[at - 2] == letter) & (letters[at - 1] == spelt[-2])
            np.minimum(edits, before[at - 2] + 1, out=edits, where=is_swap)
        following[at] = edits
    return following


@cache
def _read() -> _WordList:
    text = files("symspellpy").joinpath(_FILE).read_text(encoding="utf-8-sig")
    pairs = (line.split() for line in text.splitlines())
    frequencies = {word: int(count) for word, count in pairs}
    words = sorted(frequencies, key=len)
    longest = len(words[-1])
    spelt = b"".join(word.encode("latin-1").ljust(longest, b"\0") for word in words)
    letters = np.frombuffer(spelt, dtype=np.uint8).reshape(len(words), longest)
    bits = np.where(letters > 0, np.uint32(1) << (letters & 31), np.uint32(0))
    kinds = np.bitwise_or.reduce(bits, axis=1)
    of_length = np.bincount([len(word) for word in words], minlength=longest + 1).tolist()
    return _WordList(frequencies, words, letters, kinds, [0, *accumulate(of_length)])
