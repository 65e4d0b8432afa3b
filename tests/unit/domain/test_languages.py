from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.domain.analysis import MAX_TERM_BYTES, analyse, analyse_query, telling_tokens
from groundwell.domain.languages import STEMMERS, function_words, short_function_words

languages = st.sampled_from(sorted(STEMMERS))


@pytest.mark.parametrize(
    ("language", "query", "document"),
    [
        ("de", "Haus", "Die Häuser"),
        ("de", "laufer", "des Läufers"),
        ("fr", "exercice", "les exercices d’entraînement"),
        ("es", "canción", "Canciones"),
        ("es", "fuerza", "la fuerza"),
        ("ru", "упражнение", "упражнений"),
        ("el", "άσκηση", "ασκήσεις"),
        ("tr", "ev", "evlerinden"),
        ("tr", "Ankara", "Ankara'da"),
        ("fr", "homme", "L’homme"),
        ("fr", "qu'il entraîne", "entraînement"),
        ("it", "arte", "dell'arte"),
        ("hi", "किताब", "किताबें"),
        ("sv", "hund", "hundarna"),
    ],
)
def test_a_form_finds_another_form_of_its_language(language: str, query: str, document: str):
    assert analyse(query, language)
    assert set(analyse(query, language)) <= set(analyse(document, language))


def test_stop_words_of_the_language_are_left_out():
    assert analyse("der die das und", "de") == []
    assert analyse("der die das und") != []
    assert analyse("для и на", "ru") == []


def test_latin_words_in_another_script_are_english():
    assert analyse("упражнения running", "ru")[-1] == "run"


@pytest.mark.parametrize("language", sorted(STEMMERS))
def test_every_language_has_a_stemmer(language: str):
    assert analyse("squat 5x5", language)[1:] == ["5", "5", "5x5"]
    assert short_function_words(language) <= function_words(language)


def test_one_language_reads_a_query_as_its_documents():
    text = "What are the best exercises for 80kg lifters?"
    assert analyse_query(text, ("en",)) == analyse(text)
    assert analyse_query("Häuser", ("de",)) == analyse("Häuser", "de")


def test_several_languages_give_the_terms_of_all_each_once():
    assert analyse_query("Häuser", ("de", "en")) == ["haus", "hauser"]
    assert analyse_query("hotel", ("de", "en", "fr")) == ["hotel"]
    assert analyse_query("train train", ("de", "en")) == ["train", "train"]
    assert analyse_query("5-5", ("de", "en")) == ["5", "5", "55"]


def test_stop_words_hint_at_the_language_of_a_query():
    assert "the" not in analyse_query("the squat", ("de", "en", "fr"))
    assert "die" in analyse_query("how did Caesar die", ("de", "en"))
    assert "die" not in analyse_query("die Übung", ("de", "en"))
    assert analyse_query("the of", ("de", "en")) == []


@given(text=st.text(max_size=200), language=languages)
def test_terms_of_every_language_are_fit_for_an_index(text: str, language: str):
    for term in analyse(text, language):
        assert 1 <= len(term.encode()) <= MAX_TERM_BYTES
        assert "\x00" not in term
        assert not any(character.isspace() for character in term)


@given(text=st.text(max_size=100), several=st.lists(languages, min_size=1, max_size=4, unique=True))
def test_a_query_finds_what_any_of_its_languages_gives(text: str, several: list[str]):
    terms = set(analyse_query(text, several))
    assert terms <= {term for language in several for term in analyse(text, language)}


def test_telling_tokens_follow_the_language():
    spans = [(0, 3), (4, 8)]
    assert telling_tokens("Der Hund", spans, "de").tolist() == [False, True]
    assert telling_tokens("Der Hund", spans).tolist() == [True, True]
