from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.domain.chunks import Chunk, Tokenizer
from groundwell.domain.documents import HeadingSpan, PageSpan, ParsedDocument
from groundwell.domain.errors import InvalidInputError
from groundwell.ingestion.chunking import make_chunker
from groundwell.ingestion.chunking.passage import PassageChunker

fragments = "word ;Word ;3.14 ;. ;! ;, ;\n;\n\n;# A\n;## B\n;### C\n;東京。;| a | b |\n;🌊"
pieces = st.sampled_from([*fragments.split(";"), "\ufffd" * 30, "x" * 90])
markdown = st.lists(pieces, max_size=150).map("".join)


def parse(text: str) -> ParsedDocument:
    headings = tuple(
        HeadingSpan(len(match.group(1)), *match.span())
        for match in re.finditer(r"^(#{1,6}) .*$", text, re.MULTILINE)
    )
    return ParsedDocument(text=text, media_type="text/markdown", parser="test", headings=headings)


def sentences(count: int, tokens: int, word: str = "word") -> str:
    """`count` sentences of `tokens` tokens each, the full stop included."""
    return " ".join(" ".join(["Word", *[word] * (tokens - 2)]) + "." for _ in range(count))


def counts(chunks: list[Chunk], words: Tokenizer) -> list[int]:
    return [len(words.spans(chunk.text)) for chunk in chunks]


@given(text=markdown, size=st.integers(5, 60))
def test_every_character_is_in_exactly_one_passage(words: Tokenizer, text: str, size: int):
    chunks = PassageChunker(words, size, size // 3).chunk(parse(text))
    position = 0
    for ordinal, chunk in enumerate(chunks):
        assert chunk.ordinal == ordinal
        assert chunk.text == text[chunk.char_start : chunk.char_end]
        assert chunk.text == chunk.text.strip() != ""
        assert not text[position : chunk.char_start].strip()
        position = chunk.char_end
    assert not text[position:].strip()


@given(text=markdown, size=st.integers(5, 60))
def test_no_passage_has_more_tokens_than_the_limit(words: Tokenizer, text: str, size: int):
    chunks = PassageChunker(words, size, size // 3).chunk(parse(text))
    assert all(count <= size for count in counts(chunks, words))


def test_golden_texts_are_cut_without_loss(golden: Path, words: Tokenizer):
    text = golden.read_bytes().decode()
    chunks = make_chunker("passage", words).chunk(parse(text))
    assert "".join("".join(chunk.text for chunk in chunks).split()) == "".join(text.split())


def test_a_section_just_over_the_limit_becomes_two_halves(words: Tokenizer):
    chunks = make_chunker("passage", words).chunk(parse(sentences(14, 15)))
    assert counts(chunks, words) == [105, 105]


def test_passages_end_where_sentences_end(words: Tokenizer):
    chunks = make_chunker("passage", words).chunk(parse(sentences(40, 17)))
    assert all(chunk.text.startswith("Word") and chunk.text.endswith(".") for chunk in chunks)


def test_a_paragraph_end_near_the_ideal_place_wins_over_a_nearer_sentence_end(words: Tokenizer):
    text = sentences(6, 15) + "\n\n" + sentences(8, 15)
    chunks = make_chunker("passage", words).chunk(parse(text))
    assert counts(chunks, words) == [90, 120]


def test_sections_of_fair_size_are_not_joined(words: Tokenizer):
    text = f"# A\n{sentences(6, 11, 'alpha')}\n# B\n{sentences(6, 11, 'beta')}"
    chunks = make_chunker("passage", words).chunk(parse(text))
    assert [chunk.heading_path for chunk in chunks] == [("A",), ("B",)]
    assert "beta" not in chunks[0].text


def test_tiny_sections_under_one_parent_are_joined(words: Tokenizer):
    text = f"# Top\n## A\n{sentences(2, 12)}\n## B\n{sentences(2, 12)}\n## C\n{sentences(2, 12)}"
    chunks = make_chunker("passage", words).chunk(parse(text))
    assert [chunk.text for chunk in chunks] == [text]
    assert chunks[0].heading_path == ("Top",)


def test_a_tiny_section_is_not_joined_with_a_stranger(words: Tokenizer):
    text = f"# A\n{sentences(6, 12)}\n## A1\n{sentences(8, 24)}\n# B\nShort one."
    chunks = make_chunker("passage", words).chunk(parse(text))
    assert chunks[-1].text == "# B\nShort one."


def test_a_tiny_section_stays_alone_where_joining_would_break_the_limit(words: Tokenizer):
    text = f"# A\nShort one.\n# B\n{sentences(11, 18)}"
    chunks = make_chunker("passage", words).chunk(parse(text))
    assert [chunk.heading_path for chunk in chunks] == [("A",), ("B",)]


def test_the_rest_of_a_long_section_does_not_cross_a_heading(words: Tokenizer):
    text = (
        f"# A\n{sentences(1, 190)} {sentences(1, 190)} {sentences(1, 20)}\n# B\n{sentences(9, 12)}"
    )
    chunks = make_chunker("passage", words).chunk(parse(text))
    assert [chunk.heading_path for chunk in chunks] == [("A",), ("A",), ("A",), ("B",)]


def test_no_scrap_is_left_at_the_end_of_a_section(words: Tokenizer):
    text = "\n\n".join([sentences(9, 20), sentences(9, 20), sentences(2, 20)])
    chunks = make_chunker("passage", words).chunk(parse(text))
    assert min(counts(chunks, words)) >= 60


def test_a_bare_heading_goes_with_the_section_below_it(words: Tokenizer):
    text = f"# Manual\n## Setup\n{sentences(8, 12)}"
    chunks = make_chunker("passage", words).chunk(parse(text))
    assert [chunk.text for chunk in chunks] == [text]
    assert chunks[0].heading_path == ("Manual", "Setup")


def test_a_heading_is_never_the_end_of_a_passage(words: Tokenizer):
    text = f"# A\n{sentences(1, 195)} {sentences(9, 20)}"
    chunks = make_chunker("passage", words).chunk(parse(text))
    assert chunks[0].text.startswith("# A\nWord")


def test_an_endless_sentence_is_cut_between_clauses(words: Tokenizer):
    clause = " ".join(["word"] * 29) + ", "
    chunks = make_chunker("passage", words).chunk(parse(clause * 12 + "end."))
    assert max(counts(chunks, words)) <= 200
    assert all(chunk.text.endswith((",", "end.")) for chunk in chunks)


def test_an_endless_sentence_without_clauses_is_cut_between_words(words: Tokenizer):
    chunks = make_chunker("passage", words).chunk(parse("word " * 1000))
    assert {word for chunk in chunks for word in chunk.text.split()} == {"word"}
    assert min(counts(chunks, words)) >= 100


def test_an_endless_word_does_not_become_an_endless_chunk(words: Tokenizer):
    chunks = make_chunker("passage", words).chunk(parse("x" * 100_000))
    assert max(len(chunk.text) for chunk in chunks) <= 200 * 40


class ByteTokenizer:
    """Every byte of UTF-8 is a token that spans its whole character."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [(i, i + 1) for i, char in enumerate(text) for _ in char.encode()]

    def spans_of(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        return [self.spans(text) for text in texts]


def test_a_character_of_more_tokens_than_the_limit_is_kept_whole():
    chunks = PassageChunker(ByteTokenizer(), 3, 1).chunk(parse("🌊🌊 ab🌊"))
    assert [chunk.text for chunk in chunks] == ["🌊", "🌊", "ab", "🌊"]


def test_passages_know_the_page_on_which_they_start(words: Tokenizer):
    text = sentences(8, 20) + "\n" + sentences(8, 20)
    middle = text.index("\n")
    parsed = ParsedDocument(
        text=text,
        media_type="application/pdf",
        parser="test",
        pages=(PageSpan(1, 0, middle), PageSpan(2, middle + 1, len(text))),
    )
    assert [chunk.page for chunk in make_chunker("passage", words).chunk(parsed)] == [1, 2]


def test_table_rows_are_kept_whole(words: Tokenizer):
    row = "| " + " | ".join(["cell"] * 10) + " |"
    chunks = make_chunker("passage", words).chunk(parse("\n".join([row] * 40)))
    assert len(chunks) > 1
    assert all(set(chunk.text.split("\n")) == {row} for chunk in chunks)


@pytest.mark.parametrize("text", ["", " \n\t\n", "\u3000"])
@pytest.mark.parametrize("profile", ["passage", "recursive", "tokens"])
def test_a_text_without_words_has_no_chunks(words: Tokenizer, profile: str, text: str):
    assert make_chunker(profile, words).chunk(parse(text)) == []


def test_an_unknown_profile_is_refused_by_name(words: Tokenizer):
    with pytest.raises(InvalidInputError, match="'semantic'"):
        make_chunker("semantic", words)
