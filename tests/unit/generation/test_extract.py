from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.generation.setting import APOLLO, BREAD, WordEmbedder, found, passage

from groundwell.domain.answers import AnswerMode
from groundwell.domain.chunks import Encoding
from groundwell.domain.search import SearchResult
from groundwell.generation.extract import (
    MAX_CHARS,
    MAX_SENTENCES,
    add_cosines,
    extract,
    is_covered,
    score_sentences,
)
from groundwell.generation.passages import FirstPage
from groundwell.generation.sentences import sentences_of

PAGE = FirstPage()


class StrangeEmbedder(WordEmbedder):
    """Knows the language of no text, so that nothing resembles the query."""

    async def embed_query(self, text: str) -> Encoding:
        encoding = await super().embed_query(text)
        return replace(encoding, vector=-encoding.vector)


async def extracted(query: str, *results: SearchResult, embedder: WordEmbedder | None = None):
    return await extract(query, found(*results), embedder or WordEmbedder(), PAGE)


async def test_answer_is_the_sentence_that_answers():
    moon, bread = passage(APOLLO, start=40), passage(BREAD, "bread.txt", score=0.4)
    answer = await extracted("How much did the Apollo mission cost in dollars?", moon, bread)
    assert answer.mode is AnswerMode.EXTRACTIVE
    assert "355 million dollars" in answer.text
    assert "Sourdough" not in answer.text
    for citation in answer.citations:
        offset = citation.char_start - 40
        assert APOLLO[offset : offset + len(citation.quote)] == citation.quote


async def test_question_about_something_else_is_not_found():
    answer = await extracted("Who won the chess championship in Reykjavik?", passage(APOLLO))
    assert answer.mode is AnswerMode.NOT_FOUND
    assert answer.citations == ()
    assert answer.text.startswith("Not in your documents.")


async def test_no_passages_is_not_found():
    assert (await extracted("What is sourdough?")).mode is AnswerMode.NOT_FOUND


async def test_question_of_stop_words_only_is_not_found():
    assert (await extracted("?", passage(APOLLO))).mode is AnswerMode.NOT_FOUND


async def test_same_sentence_in_two_documents_is_told_once():
    text = "Wild yeast makes sourdough bread rise."
    answer = await extracted("What makes sourdough bread rise?", passage(text), passage(text, "b"))
    assert answer.text == f"{text} [1]"


async def test_neighbouring_sentences_share_one_quote():
    text = "Wild yeast makes sourdough bread rise slowly. Sourdough bread needs warmth to rise."
    answer = await extracted("How does sourdough bread rise?", passage(text))
    assert answer.text == f"{text} [1]"
    assert answer.citations[0].quote == text


@pytest.mark.parametrize(
    "noise",
    [
        "Why does sourdough bread rise in the oven?",
        "Sourdough bread rise",
        "Smith, Sourdough bread rise, Food Science 2011;12(3), pp. 5-9.",
        "1 2 3 4 sourdough 5 6 7 bread 8 9 10 11 12 rise 13 14 15.",
    ],
)
def test_questions_headings_references_and_tables_are_no_statements(noise: str):
    assert [s.text for s in sentences_of([passage(noise)])] == []


async def test_reference_marks_and_links_of_a_document_do_not_reach_the_answer():
    text = "Wild [yeast](http://a.b) makes sourdough bread rise.[3] ![pixel](http://a.b/c)"
    answer = await extracted("What makes sourdough bread rise?", passage(text))
    assert re.findall(r"\[(\d+)\]", answer.text) == ["1"]
    assert "http" not in answer.text
    assert answer.citations[0].quote in text


async def test_broken_embedder_leaves_words_to_decide_and_is_named():
    answer = await extracted(
        "What makes sourdough bread rise?", passage(BREAD), embedder=WordEmbedder(is_broken=True)
    )
    assert answer.mode is AnswerMode.EXTRACTIVE
    assert answer.degraded == ("embedder",)


@given(
    texts=st.lists(
        st.lists(
            st.sampled_from(
                [
                    "Wild yeast makes sourdough bread rise. ",
                    "Bread rises in [2] warm ovens! ",
                    "A starter of yeast needs 5 days.\n",
                    "Does bread rise? ",
                    "\n\nBread rising\n\n",
                    "Yeast: bread, rise; [link](http://a.b) sourdough.\n",
                ]
            ),
            max_size=8,
        ).map("".join),
        max_size=5,
    )
)
async def test_every_extractive_answer_keeps_its_promises(texts: list[str]):
    results = [passage(text, f"d{i}", start=100 * i) for i, text in enumerate(texts)]
    first, second = [await extracted("What makes bread rise?", *results) for _ in range(2)]
    assert first == second
    shown = [int(number) for number in re.findall(r"\[(\d+)\]", first.text)]
    assert shown == [citation.marker for citation in first.citations]
    assert shown == list(range(1, len(shown) + 1))
    assert len(shown) <= MAX_SENTENCES
    assert len(first.text) <= MAX_CHARS + 5 * MAX_SENTENCES or len(shown) == 1
    for citation in first.citations:
        source = next(r for r in results if r.document_id == citation.document_id)
        start = citation.char_start - source.char_start
        assert source.text[start : citation.char_end - source.char_start] == citation.quote


async def test_an_announcement_is_told_with_what_it_announces():
    told = "The Epley formula estimates the maximum:\n\nmaximum = weight × (1 + reps / 30)"
    answer = await extracted("What is the Epley formula?", passage(f"{told}\n\nRest well."))
    assert answer.citations[0].quote == told


@pytest.mark.parametrize(
    ("query", "text", "line"),
    [
        ("髙橋淳", "name | city\n髙橋淳 | 東京\n佐藤花子 | 大阪", "髙橋淳 | 東京"),
        (
            "무이자할부",
            "카드 안내\n\n무이자할부는 3개월까지 됩니다",
            "무이자할부는 3개월까지 됩니다",
        ),
        ("ACME-7 Pump", "Part | Price\nAcme-7 pump | 12", "Acme-7 pump | 12"),
        ("ﾃｽﾄ", "Part\n\nテスト 12", "テスト 12"),
    ],
)
async def test_line_that_contains_the_query_word_for_word_answers_it(
    query: str, text: str, line: str
):
    answer = await extracted(query, passage(text), embedder=StrangeEmbedder())
    assert answer.mode is AnswerMode.EXTRACTIVE
    assert [citation.quote for citation in answer.citations] == [line]


async def test_sentence_that_contains_the_query_is_told_rather_than_its_heading():
    text = "無利子分割\n\n無利子分割は三回までの支払いで使うことができます。"
    answer = await extracted("無利子分割", passage(text), embedder=StrangeEmbedder())
    assert answer.citations[0].quote == text.split("\n\n")[1]
    assert len(answer.citations) == 1


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("cat", "concatenate | 7"),
        ("What is yeast?", "What is yeast?"),
        ("how", "how | 7"),
        ("of", "of | 7"),
        ("?", "? | 7"),
    ],
)
async def test_parts_of_words_questions_and_empty_words_answer_nothing(query: str, text: str):
    assert (await extracted(query, passage(text))).mode is AnswerMode.NOT_FOUND


def test_a_running_head_is_no_statement():
    assert not sentences_of([passage("52 THE SIEGE OF VICKSBURG.")])


@pytest.mark.parametrize(
    ("query", "is_told"),
    [
        ("Michael Collins", True),
        ("Who stayed in orbit?", True),
        ("sourdough starter", False),
        ("Reykjavik", False),
        ("?", False),
    ],
)
async def test_a_query_is_covered_where_one_sentence_has_all_of_it(query: str, is_told: bool):
    response = found(passage(APOLLO), passage(BREAD, "bread.txt"))
    assert is_covered(query, response) == is_told
    scored = await score_sentences(query, response, None)
    assert any(each.coverage == pytest.approx(1) for each in scored) == is_told


async def test_sentences_scored_by_words_first_are_scored_alike_in_the_end():
    response, query = found(passage(APOLLO), passage(BREAD)), "What did the Moon mission cost?"
    by_words = await score_sentences(query, response, None)
    added = await add_cosines(query, response, by_words, WordEmbedder())
    at_once = await score_sentences(query, response, WordEmbedder())
    assert [each.sentence for each in added] == [each.sentence for each in at_once]
    assert [each.score for each in added] == pytest.approx([each.score for each in at_once])
