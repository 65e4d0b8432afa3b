"""Composing letters and their marks."""

from __future__ import annotations

import random
import unicodedata
from itertools import chain

import pytest
from tests.seeds import SEED

from groundwell.domain.composition import compose

# Letters, marks, vowels that are put together with a consonant, and syllables of Hangul.
KINDS = {
    "Latin": (range(0x41, 0x250), range(0x300, 0x316), range(0x1E00, 0x1F00)),
    "Hangul": (range(0x1100, 0x1200), range(0xAC00, 0xAC80)),
    "Indic": (range(0x900, 0xE00), range(0x11000, 0x11400)),
    "Japanese": (range(0x3040, 0x3100), range(0x4E00, 0x4E80), range(0x20, 0x30)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_long_text_is_composed_as_a_whole_would_be(kind: str, form: str) -> None:
    throw = random.Random(f"{SEED} {kind}")
    letters = [chr(code) for code in chain(*KINDS[kind])]
    for length in (65_000, 65_600, 300_000):
        text = unicodedata.normalize(form, "".join(throw.choices(letters, k=length)))
        assert compose(text) == unicodedata.normalize("NFC", text)
