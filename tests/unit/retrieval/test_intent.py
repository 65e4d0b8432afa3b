from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.retrieval.intent import (
    QUESTION_INTENTS,
    IntentClassifier,
    cue,
)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("hello", "smalltalk"),
        ("Thank you so much!", "smalltalk"),
        ("What is hypertrophy?", "definition"),
        ("what does RPE stand for", "definition"),
        ("how do I set up postgres?", "how_to"),
        ("Why is the sky blue", "reason"),
        ("squat vs deadlift", "comparison"),
        ("is running better than cycling", "comparison"),
        ("list all kinds of squats", "enumeration"),
        ("what are the symptoms of botulism?", "enumeration"),
        ("Summarise the findings", "summary"),
        ("How many people are affected?", "fact"),
        ("who wrote it", "fact"),
        ("does creatine work?", "yes_no"),
        ("deadlift form", "lookup"),
        ("", "lookup"),
        ("ⅸ ??", "lookup"),
    ],
)
def test_a_question_to_the_library_has_a_kind(text: str, intent: str):
    assert QUESTION_INTENTS.classify(text).intent == intent


def test_the_reason_names_what_was_seen():
    guess = QUESTION_INTENTS.classify("Hello!")
    assert guess.reason == "a greeting or thanks"
    assert QUESTION_INTENTS.classify("").reason == "nothing spoke for another intent"


def test_cues_of_one_intent_add_up_and_cannot_reach_certainty():
    classifier = IntentClassifier(
        [
            cue("a", 0.5, "first", "one"),
            cue("a", 0.5, "second", "two"),
            cue("b", 0.6, "third", "one", unless="three"),
        ],
        default="c",
    )
    assert classifier.classify("ONE two").ranking == (("a", 0.75), ("b", 0.6), ("c", 0.3))
    assert classifier.classify("one two three").ranking == (("a", 0.75), ("c", 0.3), ("b", 0.0))
    assert classifier.classify("nothing").ranking == (("c", 0.3), ("a", 0.0), ("b", 0.0))


@given(text=st.text(max_size=200))
def test_every_text_gets_a_complete_ranking_and_always_the_same(text: str):
    guess = QUESTION_INTENTS.classify(text)
    assert {intent for intent, _ in guess.ranking} == set(QUESTION_INTENTS.intents)
    assert [s for _, s in guess.ranking] == sorted((s for _, s in guess.ranking), reverse=True)
    assert guess.ranking[0] == (guess.intent, guess.confidence)
    assert all(0 <= score < 1 for _, score in guess.ranking)
    assert QUESTION_INTENTS.classify(text) == guess


@pytest.mark.parametrize("text", ["did " * 500, "log my " * 300, "a " * 1000, "squat 1 x " * 200])
def test_long_monotonous_texts_are_read_in_no_time(text: str):
    assert QUESTION_INTENTS.classify(text).intent in QUESTION_INTENTS.intents
