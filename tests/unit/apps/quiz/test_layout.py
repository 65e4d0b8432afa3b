"""The Markdown layout: a contract that no text of a document can break."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import Phase, given, settings
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from tests.unit.apps.quiz.asked import Seen, make_question, make_set, question_sets, seen, texts
from tests.unit.apps.quiz.readers.layout import read_layout

from groundwell.apps.quiz.layout import as_markdown, escaped
from groundwell.apps.quiz.legible import legible
from groundwell.apps.quiz.questions import Pair, QuestionSet, QuestionType, QuizMode
from groundwell.apps.quiz.shown import letter, shown_order, suggested_minutes

EXAMPLE = """\
# Practice questions: Tides

1 question.

1. Which term means the falling tide?

   *Choose one.*

   - A) flood
   - B) ebb
   - C) slack

   **Hint:** Three letters.

   **Answer:** B) ebb

   **Explanation:** The text calls the falling tide ebb.

   **Source:** Tides\\, explained, page 3

   > The falling tide is called ebb.

## Notes

- Only 1 of 5 questions could be made.
"""


def as_laid_out(found: Seen, mode: QuizMode) -> Seen:
    """What the layout keeps: no feedback of options, no bare value, no hints in a quiz."""
    return replace(
        found,
        options=tuple((text, is_right, "") for text, is_right, _ in found.options),
        value=None,
        tolerance=found.tolerance or None,
        hint="" if mode is QuizMode.QUIZ else found.hint,
    )


@given(question_sets())
@settings(derandomize=True, max_examples=30, deadline=None, phases=[Phase.generate])
def test_layout_gives_back_the_questions_whatever_is_in_their_texts(given_set: QuestionSet) -> None:
    found = read_layout(as_markdown(given_set))
    assert found.seen == [as_laid_out(seen(q), given_set.mode) for q in given_set.questions]
    assert found.notes == [legible(note) for note in given_set.notes]
    assert bool(found.hidden) is (given_set.mode is QuizMode.QUIZ)


def shown_by_commonmark(text: str) -> SyntaxTreeNode:
    return SyntaxTreeNode(MarkdownIt("commonmark").parse(text))


@given(texts)
@settings(derandomize=True, max_examples=80, deadline=None, phases=[Phase.generate])
def test_commonmark_shows_an_escaped_text_character_by_character(text: str) -> None:
    tree = shown_by_commonmark(
        f"1. {escaped(text)}\n\n   - A) {escaped(text)}\n\n   > {escaped(text)}\n"
    )
    inline = [node for node in tree.walk() if node.type == "inline"]
    assert {child.type for node in inline for child in node.children} == {"text"}
    shown = ["".join(child.content for child in node.children) for node in inline]
    assert shown == [legible(text), f"A) {legible(text)}", legible(text)]


@given(question_sets())
@settings(derandomize=True, max_examples=10, deadline=None, phases=[Phase.generate])
def test_commonmark_sees_one_numbered_list_with_an_entry_for_each_question(
    given_set: QuestionSet,
) -> None:
    tree = shown_by_commonmark(as_markdown(given_set))
    lists = [node for node in tree.children if node.type == "ordered_list"]
    assert [len(found.children) for found in lists] == [len(given_set.questions)] * len(lists)
    assert len(lists) == (2 if given_set.mode is QuizMode.QUIZ else 1)
    assert not [node for node in tree.walk() if node.type in {"html_block", "html_inline", "link"}]


def test_a_hundred_questions_stay_in_one_list() -> None:
    many = tuple(make_question(template=str(number)) for number in range(100))
    tree = shown_by_commonmark(as_markdown(make_set(questions=many)))
    [found] = [node for node in tree.children if node.type == "ordered_list"]
    assert len(found.children) == 100


def test_a_name_that_ends_in_a_backslash_or_a_page_is_told_from_the_page() -> None:
    source = make_question().source
    names = ["C:\\", "tides, page 4", "C:\\, page 5"]
    asked = tuple(
        make_question(source=replace(source, title=name, page=page))
        for name in names
        for page in (None, 3)
    )
    found = read_layout(as_markdown(make_set(questions=asked))).seen
    assert [(f.document, f.page) for f in found] == [(n, p) for n in names for p in (None, 3)]


def test_practice_tells_the_answer_under_each_question() -> None:
    one = make_set(
        questions=(make_question(),), asked=5, notes=("Only 1 of 5 questions could be made.",)
    )
    assert as_markdown(one) == EXAMPLE


def test_a_quiz_says_nothing_of_the_key_before_the_separator() -> None:
    asked, _, key = as_markdown(make_set(QuizMode.QUIZ)).partition("\n---\n")
    for told in ("**Answer:**", "**Hint:**", "**Explanation:**", "**Source:**", "called ebb."):
        assert told not in asked
    assert key.count("**Answer:**") == len(QuestionType)


def test_notes_of_a_quiz_are_not_hidden_with_its_key() -> None:
    text = as_markdown(make_set(QuizMode.QUIZ, notes=("Two were left out.",)))
    assert "Two were left out." in text.partition("\n---\n")[0]


@pytest.mark.parametrize("mode", QuizMode)
def test_a_set_without_questions_says_so_and_why(mode: QuizMode) -> None:
    empty = make_set(mode, questions=(), asked=25, topic="Mars", notes=("Nobody wrote about it.",))
    text = as_markdown(empty)
    assert "No question about this could be made of your documents." in text
    assert "- Nobody wrote about it." in text
    assert "---" not in text
    assert "1." not in text


def test_a_set_on_everything_has_no_topic_in_its_title() -> None:
    assert as_markdown(make_set(topic=None)).startswith("# Practice questions\n\n7 questions.\n")


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("count", [2, 3, 5])
def test_steps_are_never_shown_in_order(seed: int, count: int) -> None:
    steps = tuple("abcde"[:count])
    order = shown_order(make_question(QuestionType.ORDERING, steps=steps, seed=seed))
    assert sorted(order) == list(range(count))
    assert list(order) != sorted(order)


def test_right_sides_are_mixed_in_every_way_by_seed_and_question() -> None:
    pairs = tuple(Pair(side, side) for side in "abc")
    question = make_question(QuestionType.MATCHING, pairs=pairs)
    by_seed = {shown_order(replace(question, seed=seed)) for seed in range(60)}
    by_question = {shown_order(replace(question, template=str(name))) for name in range(60)}
    assert by_seed == by_question == set(permutations(range(3))) - {(0, 1, 2)}


def test_one_step_alone_has_only_one_order() -> None:
    assert shown_order(make_question(QuestionType.ORDERING, steps=("a",))) == (0,)


def test_choices_beyond_z_have_two_letters() -> None:
    assert [letter(position) for position in (0, 25, 26, 52)] == ["A", "Z", "AA", "BA"]


def test_the_suggested_time_grows_with_questions_and_their_parts() -> None:
    statement = make_question(QuestionType.TRUE_FALSE)
    steps = make_question(QuestionType.ORDERING, steps=tuple("abcd"))
    assert suggested_minutes([statement, statement]) == 1
    assert suggested_minutes([statement, statement, statement]) == 2
    assert suggested_minutes([steps, statement]) == 2
    assert "Suggested time: 7 minutes." in as_markdown(make_set(QuizMode.QUIZ))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  two\r\nlines\tand\u2028a third\u00a0one ", "two lines and a third one"),
        ("no\x00thing\x1b[31m to\x7f see\x9b", "nothing[31m to see"),
        ("half \ud800 a pair, \ufeffno character \uffff", "half a pair, no character"),
        ("looks \u202eesrever\u202c, \u2066apart\u2069", "looks esrever, apart"),
        ("שלום\u200f 👩\u200d👧 e\u0301", "שלום\u200f 👩\u200d👧 e\u0301"),
        ("\x00 \n", ""),
    ],
)
def test_legible_text_is_one_line_of_what_can_be_shown(text: str, expected: str) -> None:
    assert legible(text) == expected
