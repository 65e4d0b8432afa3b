from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from groundwell.domain.analysis import (
    MAX_TERM_BYTES,
    analyse,
    telling_tokens,
    terms_of_words,
    word_spans,
)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Running runners ran", ["run", "runner", "ran"]),
        ("the cats and the dog", ["cat", "dog"]),
        ("What are the symptoms?", ["symptom"]),
        ("5x5 10km 1RM", ["5", "5", "5x5", "10", "km", "10km", "1", "rm", "1rm"]),
        ("3 x 10, 3×10 and 3x10", ["3", "10", "3x10"] * 3),
        ("2.5kg 10,000m 80\u00a0kg", ["2.5", "kg", "2.5kg", "10000", "m", "10000m", "80", "kg"]),
        ("RPE8 RPE 8.5", ["rpe", "8", "rpe8", "rpe", "8.5"]),
        ("70% 2:30 1/2", ["70", "2", "30", "1", "2"]),
        ("H2O CO2 B12 p53", ["h2o", "co2", "b12", "p53"]),
        ("1960s 90s CA621201", ["1960s", "90", "s", "90s", "ca621201"]),
        ("2x4.5 3.5 x 2", ["2x4.5", "3.5", "x", "2"]),
        ("well-known state-of-the-art", ["well", "known", "state", "art"]),
        ("pull-up co-operate", ["pull", "up", "pullup", "co", "oper", "cooper"]),
        ("COVID-19", ["covid", "19", "covid19"]),
        ("covid\u201119", ["covid", "19", "covid19"]),
        ("x-ray", ["x", "ray", "xray"]),
        ("low-fat", ["low", "fat"]),
        ("snake_case", ["snake", "case"]),
        ("3.14 1,000,000 v1.2.3", ["3.14", "1000000", "v1.2.3"]),
        ("1,5 and 12,3456", ["1", "5", "12", "3456"]),
        ("athlete's athletes' athlete’s", ["athlet", "athlet", "athlet"]),
        ("don't I'll we're", ["dont"]),
        ("O'Neill", ["oneil", "neill"]),
        ("U.S.A. and U.S.", ["usa", "us"]),
        ("example.com", ["exampl", "com"]),
        ("Café CAFE\u0301 cafe", ["cafe", "cafe", "cafe"]),
        ("Straße Łódź Ærø ﬁne", ["strass", "lodz", "aero", "fine"]),
        ("ＡＢＣ １２", ["abc", "12"]),
        ("½", ["1", "2", "12"]),
        ("东京塔", ["东京", "京塔"]),
        ("東", ["東"]),
        ("東京2020年", ["東京", "2020", "年"]),
        ("ｶﾞﾗｽ", ["ガラ", "ラス"]),
        ("한국어", ["한국", "국어"]),
        ("किताबें", ["किताबें"]),
        ("ёлка ЁЛКА", ["елка", "елка"]),
        ("مُحَمَّد", ["محمد"]),
        ("co\u00adoperate", ["cooper"]),
        ("a\x00bc \ud800de", ["bc", "de"]),
        ("", []),
        ("-- ' _ . \u0301", []),
    ],
)
def test_text_becomes_these_terms(text: str, terms: list[str]):
    assert analyse(text) == terms


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("covid 19", "COVID-19"),
        ("covid19", "Covid-19"),
        ("xray", "X-ray"),
        ("1RM", "1-RM"),
        ("1-rm", "1RM"),
        ("10 km", "10km"),
        ("3x10", "3 × 10"),
        ("3 x 10 x 2", "3x10x2"),
        ("3x10x2", "3 × 10 × 2"),
        ("10 µg", "10μg"),
        ("10 μg", "10µg"),
        ("80.5", "80,5 kg"),
        ("80,5 kg", "80.5kg"),
        ("1234 kg", "1,234 kg"),
        ("1 2", "as in 1,2 and 3"),
        ("email", "e-mail"),
        ("cooperate", "co-operating"),
        ("wifi", "Wi-Fi"),
        ("RPE 8", "RPE8"),
        ("homme", "l’homme"),
        ("cafe", "Café"),
        ("運動", "有酸素運動"),
    ],
)
def test_a_query_finds_the_spelling_of_the_document(query: str, document: str):
    assert set(analyse(query)) <= set(analyse(document))


@given(text=st.text(max_size=200))
@example(text="゛")
def test_terms_are_fit_for_an_index(text: str):
    for term in analyse(text):
        assert 1 <= len(term.encode()) <= MAX_TERM_BYTES
        assert "\x00" not in term
        assert not any(character.isspace() for character in term)


def test_an_endless_word_is_cut_between_characters():
    assert analyse("x" * 10_000) == ["x" * MAX_TERM_BYTES]
    (term,) = analyse("я" * 10_000)
    assert term == "я" * (MAX_TERM_BYTES // 2)


def test_threads_agree_with_each_other():
    texts = [f"generously{i} generously running skies{i} nationally" for i in range(400)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(analyse, texts)) == [analyse(text) for text in texts]


def test_stop_words_and_punctuation_are_not_telling():
    text = "The tide, at 12 h."
    spans = [(0, 3), (4, 8), (8, 9), (10, 12), (13, 15), (16, 17), (17, 18)]
    assert telling_tokens(text, spans).tolist() == [False, True, False, False, True, True, False]
    assert telling_tokens("", []).tolist() == []


def test_each_word_tells_the_terms_that_became_of_it():
    assert terms_of_words("The COVID-19 tests: 東京都", ["en"]) == [
        ("The", ()),
        ("COVID-19", ("covid", "19", "covid19")),
        ("tests", ("test",)),
        ("東京", ("東京",)),
        ("京都", ("京都",)),
    ]


@given(text=st.text())
def test_words_yield_the_terms_of_the_whole_text(text: str):
    assert [term for _, terms in terms_of_words(text, ["en"]) for term in terms] == analyse(text)


def test_words_stand_where_a_reader_sees_them():
    text = "(A ship's long-boat, naïve_one 3.5 東京)"
    assert [text[start:end] for start, end in word_spans(text)] == [
        "A",
        "ship's",
        "long",
        "boat",
        "naïve",
        "one",
        "3",
        "5",
        "東",
        "京",
    ]
