from __future__ import annotations

import random
from string import ascii_lowercase

from symspellpy.symspellpy import SymSpell
from symspellpy.verbosity import Verbosity

from groundwell.retrieval.english_words import MAX_DISTANCE, EnglishWords, _read


def slipped(dice: random.Random, word: str) -> str:
    for _ in range(dice.choice((0, 1, 2, 3))):
        at, letter = dice.randrange(len(word) + 1), dice.choice(ascii_lowercase)
        word = dice.choice(
            [
                word[:at] + letter + word[at:],
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at + 1 :],
                word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
            ]
        )
    return word


async def test_the_words_within_a_distance_are_those_that_symmetric_deletes_find():
    english = EnglishWords()
    await english.prepare()
    dice = random.Random(7)
    # It takes a word of one letter for further away than it is.
    longer = [word for word in _read().words if len(word) > 1]
    some = dice.sample(longer, 4_000)
    reference = SymSpell(MAX_DISTANCE, prefix_length=5)
    for word in some:
        reference.create_dictionary_entry(word, _read().frequencies[word])
    found = 0
    for word in ["", "a", "é" * 9, "x" * 60, *(slipped(dice, word) for word in some[:200])]:
        for limit in (1, 2):
            near = {each for each in english.near(word, limit) if each[0] in reference.words}
            expected = reference.lookup(word, Verbosity.ALL, limit)
            assert near == {(each.term, each.distance, each.count) for each in expected}
            found += len(near)
    assert found > 500


async def test_every_word_of_the_list_is_found_at_no_distance():
    english = EnglishWords()
    await english.prepare()
    for word in random.Random(7).sample(_read().words, 200):
        assert english.has(word)
        assert (word, 0) in [(text, distance) for text, distance, _ in english.near(word, 1)]
    assert not english.has("protien")
