"""Texts without end are cut: no chunk, heading or gap that a search answers grows with them."""

from __future__ import annotations

import re
import sys
import time
from functools import cache

import pytest
from tests.security.endless_texts import NAMES, endless
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from groundwell.adapters.parser.kreuzberg.canonical import clean
from groundwell.adapters.parser.kreuzberg.plain_text import find_headings
from groundwell.domain.chunks import with_gaps
from groundwell.domain.documents import ParsedDocument
from groundwell.ingestion.chunking import make_chunker

CHARACTERS = 30_000
MOST = {"passage": 200 * 40 + 40, "recursive": 256, "tokens": 512 * 40}
MOST_OF_HEADINGS = 300
MOST_BETWEEN = 1_000


class WordPieceTokenizer:
    """Cuts text as BERT does, with the vocabulary of the letters."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        return self.spans_of([text])[0]

    def spans_of(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        return [list(found.offsets) for found in word_piece_model().encode_batch(texts)]


@cache
def word_piece_model() -> Tokenizer:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,-_'#|\"()"
    words = ["[UNK]", *letters, *(f"##{letter}" for letter in letters)]
    model = Tokenizer(
        models.WordPiece(
            {word: place for place, word in enumerate(words)},
            unk_token="[UNK]",
            max_input_chars_per_word=100,
        )
    )
    model.normalizer = normalizers.BertNormalizer()
    model.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return model


@pytest.mark.parametrize("profile", MOST)
def test_no_profile_makes_a_chunk_without_end(profile: str) -> None:
    chunker = make_chunker(profile, WordPieceTokenizer())
    begun = time.process_time()
    longest = 0
    for name in NAMES:
        text = clean(endless(name, CHARACTERS))
        headings = tuple(find_headings(text))
        document = ParsedDocument(text, "text/markdown", "test", headings=headings)
        chunks = with_gaps(text, chunker.chunk(document))
        assert chunks, name
        longest = max(longest, *(len(chunk.text) for chunk in chunks))
        assert longest <= MOST[profile], name
        assert max(len(chunk.gap) for chunk in chunks) <= MOST_BETWEEN, name
        of_headings = max(sum(map(len, chunk.heading_path)) for chunk in chunks)
        assert of_headings <= MOST_OF_HEADINGS, name
    sys.stdout.write(
        f"{len(NAMES)} endless texts of {CHARACTERS:,} characters, profile {profile}: longest"
        f" chunk {longest:,} characters, {time.process_time() - begun:.1f} s\n"
    )


@pytest.mark.parametrize("name", ["a pictogram", "unknown words", "a Latin letter"])
def test_a_cut_window_leaves_nothing_out(name: str) -> None:
    text = endless(name, 100_000)
    chunks = make_chunker("tokens", WordPieceTokenizer()).chunk(
        ParsedDocument(text, "text/plain", "test")
    )
    covered: set[int] = set()
    for chunk in chunks:
        assert chunk.text == text[chunk.char_start : chunk.char_end]
        covered.update(range(chunk.char_start, chunk.char_end))
    assert not re.sub(r"\s", "", "".join(text[i] for i in range(len(text)) if i not in covered))
    assert min(len(chunk.text) for chunk in chunks) > 1_000


def test_white_space_without_end_is_cut_and_other_stays() -> None:
    kept = "a" + " " * 1_000 + "b" + "\n" * 999 + "c"
    assert clean(kept) == kept
    assert clean("a" + " \n" * 50_000 + "b") == "a" + " \n" * 500 + "b"
