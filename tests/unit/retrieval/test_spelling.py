from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundwell.domain.analysis import analyse
from groundwell.retrieval.english_words import EnglishWords
from groundwell.retrieval.slips import is_likely_slip
from groundwell.retrieval.spelling import SpellingCorrector, has_unknown_word

TEXT = (
    "Hypertrophy training with the barbell squat. Protein synthesis after exercise. "
    "Body composition and cholesterol in athletes, periodization of strength, "
    "the frobnicator and another frobnicator, runners running whereas others rest"
)


class KnownTerms:
    """A vocabulary held in memory."""

    def __init__(self, frequencies: Mapping[str, int]) -> None:
        self._frequencies = frequencies

    async def frequencies(self, terms: Collection[str]) -> Mapping[str, int]:
        """Those of `terms` that occur, with their frequencies."""
        return {term: self._frequencies[term] for term in terms if term in self._frequencies}


def vocabulary_of(text: str) -> KnownTerms:
    terms = analyse(text)
    return KnownTerms({term: 2 * terms.count(term) for term in terms})


COLLECTION = vocabulary_of(TEXT)


class CountingVocabulary:
    """The collection's terms, with a note of each call."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    async def frequencies(self, terms: Collection[str]) -> Mapping[str, int]:
        self.calls.append(len(terms))
        return await COLLECTION.frequencies(terms)


@pytest.fixture(scope="module")
def corrector() -> SpellingCorrector:
    return SpellingCorrector(EnglishWords())


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("protien synthesis", "protein synthesis"),
        ("Protien synthesis", "Protein synthesis"),
        ("how does exercsie help?", "how does exercise help?"),
        ("cholestrol levels", "cholesterol levels"),
        ("hypretrophy", "hypertrophy"),
        ("perodizatoin of strength", "periodization of strength"),
        ("runnning runners", "running runners"),
        ("barrbell squatt", "barbell squat"),
        ("wheresa", "whereas"),
    ],
)
async def test_a_misspelt_word_of_the_collection_is_put_right(
    corrector: SpellingCorrector, query: str, text: str
):
    assert (await corrector.correct(query, COLLECTION)).text == text


async def test_many_queries_at_once_build_the_dictionary_once():
    english = EnglishWords()
    corrector = SpellingCorrector(english)
    queries = ["protien", "cholestrol", "hypretrophy"]
    corrected = await asyncio.gather(*(corrector.correct(q, COLLECTION) for q in queries))
    assert [each.text for each in corrected] == ["protein", "cholesterol", "hypertrophy"]
    assert english.has("protein")


async def test_words_that_no_dictionary_has_are_found_by_the_terms_of_the_collection(
    corrector: SpellingCorrector,
):
    corrected = await corrector.correct("two frobincators", COLLECTION)
    assert corrected.text == "two frobnicators"


async def test_a_word_that_stands_in_one_passage_only_may_be_a_misprint_itself(
    corrector: SpellingCorrector,
):
    once = KnownTerms({"frobnic": 1})
    assert (await corrector.correct("two frobincators", once)).text == "two frobincators"


async def test_corrections_tell_where_they_are(corrector: SpellingCorrector):
    query = "  cholestrol and protien  "
    corrected = await corrector.correct(query, COLLECTION)
    assert corrected.original == query
    assert [(c.original, c.corrected) for c in corrected.corrections] == [
        ("cholestrol", "cholesterol"),
        ("protien", "protein"),
    ]
    assert all(query[c.start : c.end] == c.original for c in corrected.corrections)


@pytest.mark.parametrize(
    "query",
    [
        "squatting squats squatted",
        "5x5 1rm 10km v02max cholestr0l",
        "PROTIEN HIITT",
        "protiEn",
        'what is "protien synthesis"',
        "what is “protien synthesis”",
        "what is 'protien'",
        "`protien`",
        "nad sdo",
        "питательные белоки",
        "Übung macht protéin",
        "https://example.com/protien protien@example.com protien.txt",
        "the Protien",
        "matcha chia teff",
        "",
        "   ",
        "???",
    ],
)
async def test_what_was_meant_as_it_is_stays(corrector: SpellingCorrector, query: str):
    corrected = await corrector.correct(query, COLLECTION)
    assert corrected.text == query
    assert corrected.corrections == ()


async def test_an_english_word_stays_though_the_collection_lacks_it(corrector: SpellingCorrector):
    assert (await corrector.correct("barbers and rotein", COLLECTION)).text == "barbers and rotein"


async def test_a_query_in_another_language_stays(corrector: SpellingCorrector):
    query = "welche protien muss man essen, wenn man traininng macht"
    assert (await corrector.correct(query, COLLECTION)).text == query


async def test_a_word_that_the_collection_lacks_is_never_put_in(corrector: SpellingCorrector):
    assert (await corrector.correct("goverment", COLLECTION)).text == "goverment"
    # Rather what was meant, which is not there, than what is there and was not meant.
    assert (await corrector.correct("goverment", vocabulary_of("governess"))).text == "goverment"
    assert (await corrector.correct("goverment", vocabulary_of("governments"))).text == "government"


async def test_a_letter_not_doubled_comes_before_another_letter(corrector: SpellingCorrector):
    held = vocabulary_of("rulers rulers rulers runners training plan")
    corrected = await corrector.correct("traning plan for runers", held)
    assert corrected.text == "training plan for runners"


async def test_an_acronym_of_the_collection_is_no_foreign_word(corrector: SpellingCorrector):
    held = vocabulary_of("accurate RTK positioning")
    corrected = await corrector.correct("how acurate is RTK positoning?", held)
    assert corrected.text == "how accurate is RTK positioning?"


async def test_a_word_that_one_of_the_languages_holds_stays(corrector: SpellingCorrector):
    held = KnownTerms(dict.fromkeys((*analyse("protein"), *analyse("Proteinen", "de")), 9))
    languages = ("de", "en")
    assert analyse("proteinen") != analyse("protein")
    assert (await corrector.correct("proteinen", held, languages)).text == "proteinen"
    assert (await corrector.correct("protien", held, languages)).text == "protein"


async def test_a_query_in_another_language_of_the_collection_stays(corrector: SpellingCorrector):
    german = "welche Muskeln trainiert man beim Rudern"
    held = KnownTerms(dict.fromkeys((*analyse("trained"), *analyse(german, "de")), 9))
    query = german.replace("trainiert", "traind")
    assert (await corrector.correct(query, held, ("de", "en"))).text == query


def test_a_word_with_a_known_reading_is_not_unknown():
    (german,), (english,) = analyse("Muskeln", "de"), analyse("Muskeln")
    assert german != english
    assert not has_unknown_word("Muskeln", ("de", "en"), frozenset({english}))
    assert has_unknown_word("Muskeln", ("de", "en"), frozenset({english, german}))


async def test_an_unknown_name_is_not_bent_into_a_word_the_collection_lacks(
    corrector: SpellingCorrector,
):
    assert (await corrector.correct("Goverment", COLLECTION)).text == "Goverment"


async def test_the_collections_word_comes_before_a_commoner_one(corrector: SpellingCorrector):
    assert (await corrector.correct("traoing", vocabulary_of("trading"))).text == "trading"
    assert (await corrector.correct("traoing", vocabulary_of("tracing"))).text == "tracing"


async def test_a_query_of_known_words_asks_the_vocabulary_once(corrector: SpellingCorrector):
    vocabulary = CountingVocabulary()
    await corrector.correct("protein synthesis", vocabulary)
    assert len(vocabulary.calls) == 1
    await corrector.correct("protien synthesis", vocabulary)
    assert len(vocabulary.calls) == 3
    assert max(vocabulary.calls) < 3000


async def test_no_more_than_eight_words_are_put_right(corrector: SpellingCorrector):
    vocabulary = CountingVocabulary()
    query = "the protien " * 10 + "of protein " * 12
    corrected = await corrector.correct(query, vocabulary)
    assert len(corrected.corrections) == 8
    assert max(vocabulary.calls) <= 5000


async def test_a_query_without_words_asks_nothing(corrector: SpellingCorrector):
    vocabulary = CountingVocabulary()
    await corrector.correct("5x5 ??", vocabulary)
    assert vocabulary.calls == []


async def test_only_the_first_words_of_a_long_text_are_looked_at(corrector: SpellingCorrector):
    query = "protein " * 64 + "protien"
    assert (await corrector.correct(query, COLLECTION)).text == query


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(query=st.text(st.sampled_from("abcdeprotin \"'-5’ß。"), max_size=40))
async def test_corrections_explain_every_change(corrector: SpellingCorrector, query: str):
    corrected = await corrector.correct(query, COLLECTION)
    rebuilt, position = "", 0
    for correction in corrected.corrections:
        assert query[correction.start : correction.end] == correction.original
        assert correction.original != correction.corrected
        rebuilt += query[position : correction.start] + correction.corrected
        position = correction.end
    assert rebuilt + query[position:] == corrected.text


@pytest.mark.parametrize(
    ("word", "meant", "distance", "expected"),
    [
        ("protien", "protein", 1, True),
        ("rpotein", "protein", 1, True),
        ("wrotein", "protein", 1, False),
        ("lobse", "lobes", 1, True),
        ("chai", "chain", 1, False),
        ("matcha", "match", 1, False),
        ("barbel", "barbell", 1, True),
        ("tomatos", "tomatoes", 1, True),
        ("proteni", "protein", 1, True),
        ("decisional", "decision", 2, False),
        ("squatt", "squat", 1, True),
        ("llamaba", "llamada", 1, True),
        ("giantism", "giants", 2, False),
        ("welchem", "welcher", 1, False),
        ("bell", "bel", 1, True),
    ],
)
def test_a_slip_keeps_the_first_letter_and_is_no_other_form_of_the_word(
    word: str, meant: str, distance: int, *, expected: bool
):
    assert is_likely_slip(word, meant, distance) is expected
