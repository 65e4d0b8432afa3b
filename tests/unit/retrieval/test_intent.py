from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.retrieval.coach_intents import COACH_INTENTS
from groundwell.retrieval.intent import (
    QUESTION_INTENTS,
    IntentClassifier,
    cue,
    needs_clarification,
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


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("bench 225x5", "log_workout"),
        ("log my workout: squat 3x10 at 60 kg", "log_workout"),
        ("did 5 sets of squats today", "log_workout"),
        ("ran 5k in 25:30", "log_run"),
        ("6x800 @ 3:15 w/ 400 jog", "log_run"),
        ("10 miles easy 8:45/mi hr 148", "log_run"),
        ("half marathon 1:52", "log_run"),
        ("can I log a workout with my voice?", "coach_question"),
        ("how deep should I squat?", "coach_question"),
        ("did I run 5k too fast?", "coach_question"),
        ("is it ok to train with soreness?", "coach_question"),
        ("my knee hurts when I squat", "injury"),
        ("swap the bench press for something else", "swap_exercise"),
        ("what can I do instead of pull-ups?", "swap_exercise"),
        ("make me a 4 day upper lower split", "program_strength"),
        ("I want a 5x5 program", "program_strength"),
        ("training plan for my first marathon", "program_running"),
        ("show my progress on the bench press", "analytics"),
        ("how many miles did I run last month?", "analytics"),
        ("how much protein should I eat?", "nutrition"),
        ("I'm new here", "onboarding"),
        ("hey coach", "smalltalk"),
        ("what's the weather tomorrow?", "off_topic"),
    ],
)
def test_a_message_to_the_coach_has_an_intent(text: str, intent: str):
    assert COACH_INTENTS.classify(text).intent == intent


def test_there_are_the_coachs_twelve_intents():
    assert set(COACH_INTENTS.intents) == {
        *("log_workout", "log_run", "coach_question", "injury", "swap_exercise"),
        *("program_strength", "program_running", "analytics", "nutrition"),
        *("onboarding", "smalltalk", "off_topic"),
    }


def test_the_reason_names_what_was_seen():
    guess = COACH_INTENTS.classify("Hello!")
    assert guess.reason == "a greeting or thanks"
    assert COACH_INTENTS.classify("xyzzy").reason == "nothing spoke for another intent"


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


def test_a_close_or_a_weak_guess_needs_a_question_back():
    assert needs_clarification(COACH_INTENTS.classify("hmm"))
    assert not needs_clarification(COACH_INTENTS.classify("my knee hurts when I squat"))
    tie = IntentClassifier([cue("a", 0.7, "x", "x"), cue("b", 0.7, "y", "y")], default="c")
    assert needs_clarification(tie.classify("xy"))
    assert not needs_clarification(tie.classify("x"))


@given(text=st.text(max_size=200))
def test_every_text_gets_a_complete_ranking_and_always_the_same(text: str):
    for classifier in (QUESTION_INTENTS, COACH_INTENTS):
        guess = classifier.classify(text)
        assert {intent for intent, _ in guess.ranking} == set(classifier.intents)
        assert [s for _, s in guess.ranking] == sorted((s for _, s in guess.ranking), reverse=True)
        assert guess.ranking[0] == (guess.intent, guess.confidence)
        assert all(0 <= score < 1 for _, score in guess.ranking)
        assert classifier.classify(text) == guess


@pytest.mark.parametrize("text", ["did " * 500, "log my " * 300, "a " * 1000, "squat 1 x " * 200])
def test_long_monotonous_texts_are_read_in_no_time(text: str):
    assert COACH_INTENTS.classify(text).intent in COACH_INTENTS.intents
    assert QUESTION_INTENTS.classify(text).intent in QUESTION_INTENTS.intents
