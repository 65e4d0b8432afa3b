"""A set names the languages of which it asks less."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from groundwell.apps.quiz.languages_told import notes_on_languages
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.chunks import ChunkId
from groundwell.domain.languages import DEFAULT_LANGUAGE

ENGLISH = "The kettle stands on the stove."
LIMITED = "only gaps and numbers are asked, with the task in English."


def passage(text: str, language: str = DEFAULT_LANGUAGE) -> Passage:
    chunk = ChunkId(uuid5(NAMESPACE_URL, text))
    return Passage(chunk, "note", 1, "note.txt", None, None, 0, text, language=language)


def test_nothing_is_told_of_english_alone():
    assert notes_on_languages([passage(ENGLISH), passage("Water is wet.")]) == ()
    assert notes_on_languages([]) == ()


def test_numbers_without_a_word_are_in_no_language():
    assert notes_on_languages([passage("| 12 | 14 |\n| 15 | 19 |")]) == ()


def test_one_language_is_named_once_among_english_passages():
    passages = [passage(ENGLISH), passage("Der Kessel.", "de"), passage("Das Wasser.", "de")]
    assert notes_on_languages(passages) == (f"Documents in German: {LIMITED}",)


def test_several_languages_are_named_in_one_sentence_whatever_their_order():
    passages = [passage("La tetera.", "es"), passage("Der Kessel.", "de"), passage("L'eau.", "fr")]
    told = (f"Documents in French, German and Spanish: {LIMITED}",)
    assert notes_on_languages(passages) == notes_on_languages(passages[::-1]) == told


def test_a_text_that_only_its_script_tells_from_english_is_named_by_it():
    told = notes_on_languages([passage("水壶在炉子上。水是湿的。"), passage("Der Kessel.", "de")])
    assert told == (f"Documents in German and a script other than Latin: {LIMITED}",)
