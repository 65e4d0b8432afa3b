from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.generation.setting import WordTokenizer

from groundwell.domain.analysis import analyse
from groundwell.domain.context import Context, ContextPassage
from groundwell.domain.sentences import sentence_spans
from groundwell.generation.candidates import candidates_of
from groundwell.generation.context import BUDGET_CHARS, optimise_context
from groundwell.generation.context_format import NUMBERED_BLOCKS

TOKENIZER = WordTokenizer()
SQUAT = ContextPassage(
    "The squat trains the legs. It is a compound lift. Bread is made of flour and water. "
    "Knees may travel past the toes in a squat.",
    title="Lifts",
    heading_path=("Lower body", "Squat"),
    score=0.9,
)
REST = ContextPassage("Rest two minutes between heavy sets. Sleep eight hours.", score=0.6)


def optimise(query: str, *passages: ContextPassage, budget: int = BUDGET_CHARS) -> Context:
    candidates = candidates_of(query, passages, NUMBERED_BLOCKS)
    return optimise_context(candidates, passages, TOKENIZER, budget)


def test_sentences_that_bear_on_the_query_come_first():
    context = optimise("knees past toes", SQUAT, REST, budget=90)
    assert context.text == (
        "[1] Lifts > Lower body > Squat\nKnees may travel past the toes in a squat."
    )
    assert [(source.number, source.passage) for source in context.sources] == [(1, 0)]


def test_gaps_are_marked_and_sentences_keep_their_order():
    context = optimise("knees and legs in the squat", SQUAT, budget=110)
    assert context.text.endswith(
        "The squat trains the legs. … Knees may travel past the toes in a squat."
    )


def test_neighbours_are_joined_as_they_stand():
    passage = ContextPassage("Squat deep.\nSquat often. Squat well.")
    assert optimise("squat", passage).text == "[1] Squat deep.\nSquat often. Squat well."


def test_sources_are_numbered_in_the_order_of_the_passages():
    other = ContextPassage("Nothing of interest stands here.", score=0.0)
    context = optimise("squat legs, rest between sets", other, SQUAT, REST, other)
    assert "\n\n[2] Rest two minutes between heavy sets." in context.text
    assert [(source.number, source.passage) for source in context.sources] == [(1, 1), (2, 2)]


def test_a_sentence_that_stands_in_two_passages_is_shown_once():
    copy = ContextPassage("The  squat trains the LEGS.", score=0.8)
    context = optimise("squat legs", SQUAT, copy)
    assert context.text.lower().count("trains the legs") == 1


def test_headings_tell_what_a_sentence_is_about():
    passage = ContextPassage("Keep the back flat. Drive with the hips.", heading_path=("Deadlift",))
    other = ContextPassage("Keep the elbows high. Breathe out at the top.")
    context = optimise("deadlift", other, passage, budget=55)
    assert [source.passage for source in context.sources] == [1]


def test_similarities_speak_for_sentences_without_the_words():
    passages = [ContextPassage("Cats purr. Dogs bark."), ContextPassage("Cows moo. Felines rest.")]
    cosines = [0.1, 0.0, 0.2, 0.9]
    candidates = [
        replace(candidate, similarity=cosine)
        for candidate, cosine in zip(
            candidates_of("zzz", passages, NUMBERED_BLOCKS), cosines, strict=True
        )
    ]
    context = optimise_context(candidates, passages, TOKENIZER, 20)
    assert context.text == "[1] Felines rest."


def test_a_query_without_terms_gets_the_best_passages():
    context = optimise("the", SQUAT, REST, budget=70)
    assert context.text == "[1] Lifts > Lower body > Squat\nThe squat trains the legs."


def test_a_sentence_longer_than_the_budget_is_cut_at_a_word():
    context = optimise("word", ContextPassage("Some word " * 50 + "end."), budget=33)
    assert context.text == "[1] Some word Some word Some word"
    assert context.is_cut
    assert not optimise("squat", SQUAT).is_cut


def test_a_script_without_spaces_is_cut_anywhere():
    context = optimise("中文", ContextPassage("中文" * 50), budget=10)
    assert context.text == "[1] 中文中文中文"


@pytest.mark.parametrize("budget", [0, 3, 4])
def test_where_nothing_fits_the_context_is_empty(budget: int):
    assert optimise("squat", REST, budget=budget) == Context("", (), 0, 0)


def test_a_first_letter_that_does_not_fit_is_not_shown_either():
    assert optimise("a", ContextPassage("\u3000" + "squat" * 9), budget=5).text == "[1] s"


def test_without_passages_the_context_is_empty():
    assert optimise("squat") == Context("", (), 0, 0)
    assert optimise("squat", ContextPassage(" \n ")) == Context("", (), 0, 0)


def test_long_names_do_not_eat_the_budget():
    context = optimise("squat", ContextPassage("Squat deep.", title="name\n" * 500))
    assert context.text.startswith("[1] name name")
    assert context.characters < 200


FEES = ContextPassage("## Fees\n\nThe fee is 25 euros.", "Price list", ("Fees",))


def test_a_heading_stands_at_the_head_only():
    assert optimise("fee", FEES).text == "[1] Price list > Fees\nThe fee is 25 euros."
    titled = ContextPassage("PRICE  LIST\n\nThe fee is 25 euros.", "Price list")
    assert optimise("price list", titled).text == "[1] Price list\nThe fee is 25 euros."


def test_a_passage_that_is_nothing_but_its_heading_is_shown():
    assert optimise("fee", ContextPassage("Fees", "Fees")).text == "[1] Fees\nFees"


@pytest.mark.parametrize("budget", [24, 30, 40])
def test_names_give_way_to_the_sentence_that_answers(budget: int):
    context = optimise("fee", FEES, budget=budget)
    assert context.text == "[1] The fee is 25 euros."
    assert not context.is_cut


def test_a_sentence_that_must_be_cut_is_not_left_out_for_its_names():
    context = optimise("fee", FEES, budget=20)
    assert context.text == "[1] The fee is 25"
    assert context.is_cut


def test_names_stand_above_a_cut_sentence_where_they_take_little():
    passage = ContextPassage("Some word " * 50 + "end.", "Words")
    assert optimise("word", passage, budget=30).text == "[1] Words\nSome word Some word"


def test_each_passage_is_asked_for_the_words_of_its_own_language():
    german = "Die Wohnung ist hell. Die Häuser sind alt und schön."
    passage = ContextPassage(german, language="de")
    assert optimise("Haus", passage, budget=40).text == "[1] Die Häuser sind alt und schön."


def test_characters_and_tokens_are_told():
    context = optimise("squat", SQUAT, REST)
    assert context.characters == len(context.text)
    assert context.tokens == len(context.text.split())


words = st.sampled_from(
    [
        "squat",
        "knee",
        "legs",
        "rest",
        "Rest.",
        "deep?",
        "no!",
        "中文。",
        "x\n",
        "-",
        "a\n\n",
        "Dr.",
        "5.5",
    ]
)
texts = st.lists(words, max_size=60).map(" ".join)
names = st.text("ab \n>[", max_size=30)
passages_strategy = st.lists(
    st.builds(
        ContextPassage,
        texts,
        st.none() | names,
        st.lists(names, max_size=2).map(tuple),
        st.floats(0, 1),
    ),
    max_size=12,
)


@given(
    query=st.lists(st.sampled_from(["squat", "knee", "rest", "zzz"]), max_size=3),
    passages=passages_strategy,
    budget=st.integers(0, 600),
)
def test_the_budget_is_never_exceeded_and_every_sentence_is_verbatim(
    query: list[str], passages: list[ContextPassage], budget: int
):
    context = optimise(" ".join(query), *passages, budget=budget)
    assert len(context.text) == context.characters <= budget
    assert [source.number for source in context.sources] == list(range(1, len(context.sources) + 1))
    position = 0
    for source in context.sources:
        text = passages[source.passage].text
        whole = sentence_spans(text)
        assert list(source.spans) == sorted(source.spans)
        assert context.is_cut or set(source.spans) <= set(whole)
        position = context.text.index(f"[{source.number}] ", position)
        for start, end in source.spans:
            position = context.text.index(text[start:end], position) + end - start
    if context.is_cut:
        (source,) = context.sources
        ((start, end),) = source.spans
        assert any(
            first == start and end < last
            for first, last in sentence_spans(passages[source.passage].text)
        )
    assert context == optimise(" ".join(query), *passages, budget=budget)


@given(passages=passages_strategy)
def test_with_room_enough_no_sentence_with_a_word_of_the_query_is_missing(
    passages: list[ContextPassage],
):
    context = optimise("squat", *passages, budget=100_000)
    shown = " ".join(context.text.split()).casefold()
    for passage in passages:
        for start, end in sentence_spans(passage.text):
            if "squat" in analyse(passage.text[start:end]):
                assert " ".join(passage.text[start:end].split()).casefold() in shown
