from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_text_splitters import Tokenizer as LangchainTokenizer
from langchain_text_splitters import split_text_on_tokens
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from groundwell.domain import chunks as domain
from groundwell.domain.documents import ParsedDocument
from groundwell.domain.errors import InvalidInputError
from groundwell.ingestion.chunking.tokenise import token_spans
from groundwell.ingestion.chunking.tokens import TokenChunker

GOLDEN = Path(__file__).parents[3] / "golden" / "chunking"


@cache
def byte_level_model() -> Tokenizer:
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model.train_from_iterator(
        [(GOLDEN / f"{name}.txt").read_text(encoding="utf-8") for name in ("prose", "code")],
        trainer,
    )
    return model


class ByteLevelTokenizer:
    """A lossless tokenizer: decoding the ids gives the text back, byte for byte."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        return self.spans_of([text])[0]

    def spans_of(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        return [list(encoding.offsets) for encoding in byte_level_model().encode_batch(texts)]


def document(text: str) -> ParsedDocument:
    return ParsedDocument(text=text, media_type="text/plain", parser="test")


def ours(text: str, size: int, overlap: int) -> list[domain.Chunk]:
    return TokenChunker(ByteLevelTokenizer(), size, overlap).chunk(document(text))


def langchain(text: str, size: int, overlap: int) -> list[str]:
    model = byte_level_model()
    splitter = LangchainTokenizer(
        chunk_overlap=overlap,
        tokens_per_chunk=size,
        decode=model.decode,
        encode=lambda source: model.encode(source).ids,
    )
    return split_text_on_tokens(text=text, tokenizer=splitter)


def filled(texts: list[str]) -> list[str]:
    return [text for text in texts if text.strip()]


def is_same_but_for_cut_characters(mine: str, theirs: str) -> bool:
    """Bytes of a character that was cut are decoded to U+FFFD; we keep the character whole."""
    whole = theirs.strip("\ufffd")
    return mine == theirs or (whole in mine and len(mine) - len(whole) <= 2)


@pytest.mark.parametrize(("size", "overlap"), [(512, 50), (40, 7), (16, 0)])
def test_golden_texts_give_the_windows_of_langchain(golden: Path, size: int, overlap: int):
    text = golden.read_bytes().decode()
    mine = [chunk.text for chunk in ours(text, size, overlap)]
    theirs = filled(langchain(text, size, overlap))
    assert len(mine) == len(theirs)
    assert all(map(is_same_but_for_cut_characters, mine, theirs))
    if text.isascii():
        assert mine == theirs


@given(
    text=st.text(alphabet=st.characters(codec="ascii"), max_size=200),
    size=st.integers(1, 30),
    share=st.floats(0, 0.99),
)
def test_any_ascii_text_gives_the_windows_of_langchain(text: str, size: int, share: float):
    overlap = int(size * share)
    assert [chunk.text for chunk in ours(text, size, overlap)] == filled(
        langchain(text, size, overlap)
    )


@given(text=st.text(max_size=100), size=st.integers(1, 30), share=st.floats(0, 0.99))
def test_offsets_are_exact_and_nothing_is_left_out(text: str, size: int, share: float):
    chunks = ours(text, size, int(size * share))
    covered: set[int] = set()
    for ordinal, chunk in enumerate(chunks):
        assert chunk.ordinal == ordinal
        assert chunk.text == text[chunk.char_start : chunk.char_end]
        assert chunk.text.strip()
        covered.update(range(chunk.char_start, chunk.char_end))
    assert all(text[index].isspace() for index in set(range(len(text))) - covered)


def test_a_character_cut_by_a_window_belongs_whole_to_both():
    text = "🌊🌊🌊"
    tokens = len(ByteLevelTokenizer().spans(text))
    chunks = ours(text, tokens // 2, 0)
    assert tokens == 12
    assert [chunk.text for chunk in chunks] == ["🌊🌊", "🌊🌊"]
    assert [(chunk.char_start, chunk.char_end) for chunk in chunks] == [(0, 2), (1, 3)]


def test_windows_keep_case_and_spacing_of_the_source(words: domain.Tokenizer):
    chunks = TokenChunker(words, 3, 1).chunk(document("Ünder  THE\nold   bridge, twice"))
    assert [chunk.text for chunk in chunks] == [
        "Ünder  THE\nold",
        "old   bridge,",
        ", twice",
    ]


@pytest.mark.parametrize("line", ["It rains on Émile. ", "It rains.\n", "  deep\n\n\n", "東京。"])
def test_a_huge_text_is_tokenised_as_if_in_one_go(line: str):
    text = line * (200_000 // len(line))
    assert token_spans(ByteLevelTokenizer(), text) == ByteLevelTokenizer().spans(text)


def test_no_window_is_only_the_overlap_of_the_one_before(words: domain.Tokenizer):
    chunks = TokenChunker(words, 5, 2).chunk(document("a b c d e f g h"))
    assert [chunk.text for chunk in chunks] == ["a b c d e", "d e f g h"]
    assert all(one.char_end < other.char_end for one, other in pairwise(chunks))


@pytest.mark.parametrize(("size", "overlap"), [(10, 10), (0, 0), (10, -1)])
def test_an_overlap_that_leaves_no_progress_is_refused(
    words: domain.Tokenizer, size: int, overlap: int
):
    with pytest.raises(InvalidInputError, match="overlap"):
        TokenChunker(words, size, overlap)
