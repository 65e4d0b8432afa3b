from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.generation.setting import APOLLO, BREAD, WordEmbedder, found, passage

from groundwell.domain.chunks import Encoding
from groundwell.domain.queries import Correction
from groundwell.generation.select import MAX_EMBEDDED, select_context

RESULTS = (passage(APOLLO, start=40), passage(BREAD, "bread.txt", start=9, score=0.5))


async def test_the_sentence_that_answers_is_shown_with_its_place():
    selected = await select_context("cost in dollars", found(*RESULTS), WordEmbedder(), 80)
    assert selected.context.text == "[1] moon.txt\nThe mission cost about 355 million dollars."
    (source,) = selected.context.sources
    ((start, end),) = source.spans
    assert selected.sources[0].text[start:end] == "The mission cost about 355 million dollars."
    assert selected.degraded == ()


async def test_without_the_embedder_words_decide_and_it_is_said():
    response = replace(found(*RESULTS), degraded=("reranker",))
    broken = WordEmbedder(is_broken=True)
    selected = await select_context("cost in dollars", response, broken, 80)
    assert "355 million" in selected.context.text
    assert selected.degraded == ("reranker", "embedder")


async def test_nothing_found_gives_an_empty_context():
    selected = await select_context("cost", found(), WordEmbedder(), 80)
    assert (selected.context.text, selected.sources) == ("", ())


class CountingEmbedder(WordEmbedder):
    """Knows which texts it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    @property
    def texts(self) -> int:
        return len(self.seen)

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        self.seen += texts
        return await super().embed_documents(texts)


async def test_only_so_many_sentences_are_compared_by_meaning():
    many = [passage(" ".join(f"Line {i} of {n}." for i in range(20)), f"{n}.txt") for n in range(9)]
    embedder = CountingEmbedder()
    selected = await select_context("line", found(*many), embedder, 100_000)
    # The query is one of the texts.
    assert embedder.texts == MAX_EMBEDDED + 1
    assert len(selected.sources) == 9


async def test_sentences_with_the_words_are_compared_wherever_they_stand():
    chatter = " ".join(f"Chatter number {i} goes on." for i in range(2 * MAX_EMBEDDED))
    last = passage("Sourdough rises. The sourdough starter lives.", "last.txt", score=0.2)
    embedder = CountingEmbedder()
    await select_context("sourdough", found(passage(chatter), last), embedder, 100)
    assert {"Sourdough rises.", "The sourdough starter lives."} <= set(embedder.seen)


class EvenEmbedder(WordEmbedder):
    """All texts mean the same."""

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        return await super().embed_documents(["same"] * len(texts))


async def test_sentences_that_were_not_compared_are_taken_to_be_as_near_as_the_others():
    first = passage("Sourdough rises.", "first.txt")
    many = " ".join(f"Row {i} stands here." for i in range(3 * MAX_EMBEDDED))
    results = found(first, passage(many, "many.txt", score=0.3))
    selected = await select_context("zzz", results, EvenEmbedder(), 100_000)
    assert len(selected.context.sources[1].spans) == 3 * MAX_EMBEDDED


async def test_words_are_those_of_the_corrected_query():
    text = "Bread is good. Protein builds muscle."
    query = "protien"
    correction = Correction("protien", "protein", 0, 7)
    response = replace(found(passage(text)), corrections=(correction,))
    broken = WordEmbedder(is_broken=True)
    selected = await select_context(query, response, broken, 40)
    assert selected.context.text == "[1] moon.txt\nProtein builds muscle."


async def test_words_are_analysed_in_the_language_of_the_document():
    german = replace(passage("Die Wohnung ist hell. Die Häuser sind alt."), language="de")
    broken = WordEmbedder(is_broken=True)
    selected = await select_context("Haus", found(german), broken, 40)
    assert selected.context.text == "[1] moon.txt\nDie Häuser sind alt."


@pytest.mark.parametrize(("is_joined", "head"), [(False, "Moon > Tides"), (True, "Moon")])
async def test_text_that_was_joined_is_not_headed_by_one_passage_s_heading(
    is_joined: bool, head: str
):
    result = replace(passage(APOLLO), title="Moon", heading_path=("Tides",), is_joined=is_joined)
    selected = await select_context("cost", found(result), WordEmbedder(), 400)
    assert selected.context.text.startswith(f"[1] {head}\nApollo")


@pytest.mark.parametrize("title", [None, "Moon"])
async def test_a_source_is_named_by_its_title_or_file(title: str | None):
    result = replace(passage(APOLLO), title=title)
    selected = await select_context("cost", found(result), WordEmbedder(), 400)
    assert selected.context.text.startswith(f"[1] {title or 'moon.txt'}\n")


any_text = st.text(max_size=400) | st.lists(
    st.sampled_from(["Yeast.", "cost", "中文。", "[2]", "\n\n", "Dr.", "!"]), max_size=60
).map(" ".join)


@given(
    texts=st.lists(any_text, max_size=6),
    query=st.text(max_size=30) | st.just("cost of yeast"),
    budget=st.integers(1, 700),
)
async def test_the_budget_is_never_exceeded_and_every_span_is_verbatim(
    texts: list[str], query: str, budget: int
):
    results = [passage(text, f"{n}.txt") for n, text in enumerate(texts)]
    selected = await select_context(query, found(*results), WordEmbedder(), budget)
    context = selected.context
    assert len(context.text) == context.characters <= budget
    position = 0
    for source, result in zip(context.sources, selected.sources, strict=True):
        position = context.text.index(f"[{source.number}] ", position)
        for start, end in source.spans:
            position = context.text.index(result.text[start:end], position) + end - start
