from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.domain.analysis import analyse
from groundwell.retrieval.normalise import normalise_query


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("  What\tis \n hypertrophy?  ", "What is hypertrophy?"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("ﬁbre “intake” ‘daily’", "fibre \"intake\" 'daily'"),
        ("covid‑19 − 5", "covid-19 - 5"),
        ("nul\x00l by\x1bte", "null byte"),
        ("right\u202eto\u200fleft\ufeff", "righttoleft"),
        ("half\ud800 pair", "half pair"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u0301\u0301", "\u0301\u0301"),
        ("", ""),
        ("\x00\x01", ""),
    ],
)
def test_a_query_gets_one_form(text: str, normalised: str):
    query = normalise_query(text)
    assert query.text == normalised
    assert query.original == text
    assert not query.was_cut


def test_quoted_phrases_are_told():
    query = normalise_query("“romanian deadlift” vs \"good morning\" ''x'' \" \"")
    assert query.phrases == ("romanian deadlift", "good morning")


def test_a_long_query_is_cut_at_a_word():
    query = normalise_query("squat depth matters", 13)
    assert query.text == "squat depth"
    assert query.was_cut
    assert normalise_query("squat depth", 11).was_cut is False
    assert normalise_query("squat depth matters", 11).text == "squat depth"
    assert normalise_query("a" * 50, 10).text == "a" * 10


def test_characters_that_become_many_stay_within_the_limit():
    query = normalise_query("ﷺ" * 4000)
    assert len(query.text) <= 2000
    assert query.was_cut


@given(text=st.text(max_size=60), limit=st.integers(1, 40))
def test_normalising_is_bounded_stable_and_keeps_the_original(text: str, limit: int):
    query = normalise_query(text, limit)
    assert query.original == text
    assert len(query.text) <= limit
    assert query.text == " ".join(query.text.split())
    assert not any(unicodedata.category(c) in {"Cc", "Cs"} for c in query.text)
    assert normalise_query(query.text, limit).text == query.text


@given(text=st.text(st.characters(categories=["L", "N", "Zs"]), max_size=40))
def test_the_keyword_leg_finds_the_same_terms(text: str):
    assert analyse(normalise_query(text).text) == analyse(unicodedata.normalize("NFKC", text))
