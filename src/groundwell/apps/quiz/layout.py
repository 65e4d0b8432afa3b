"""A set of questions as Markdown: the text of the answer to `generate-questions`.

The layout is a contract, with its grammar in docs/reference/questions.md. Markdown is CommonMark
0.31. Every text of a document stands on one line, escaped, so that none can be taken for a line of
the layout.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from textwrap import indent
from typing import Final

from groundwell.apps.quiz.legible import decimal, legible
from groundwell.apps.quiz.questions import Question, QuestionSet, QuestionType, QuizMode, Source
from groundwell.apps.quiz.shown import (
    TYPED,
    choices,
    letter,
    shown_order,
    source_name,
    spellings,
    suggested_minutes,
)

SEPARATOR: Final = "---"
"""The line before the answers of a quiz: what follows can be hidden."""

TASKS: Final = {
    QuestionType.MCQ: "Choose one.",
    QuestionType.TRUE_FALSE: "True or false?",
    QuestionType.CLOZE: "Fill in the gap.",
    QuestionType.NUMERIC: "Type a number.",
    QuestionType.MATCHING: "Find the letter for each number.",
    QuestionType.ORDERING: "Put the letters in order.",
    QuestionType.SHORT: "Type the answer.",
}
"""What the line under a question says, by its type."""

_TITLES: Final = {QuizMode.PRACTICE: "Practice questions", QuizMode.QUIZ: "Quiz"}
# Less-than, greater-than and ampersand become character references and not backslashes, so that
# not even a client that takes Markdown for HTML finds a tag.
_SPECIAL: Final = re.compile(r"[\\`*_\[\]#|~$]")
_MARKER: Final = re.compile(r"^(\d{1,9}(?=[.)](?: |$))|(?=[-+](?:[ -]|$)))")


def as_markdown(questions: QuestionSet) -> str:
    """The whole set, ending in a line feed. Without questions, a text that says so."""
    is_quiz = questions.mode is QuizMode.QUIZ
    blocks = [_title(questions), _summary(questions)]
    for number, question in enumerate(questions.questions, start=1):
        help_and_key = () if is_quiz else (*_hint(question), *_key(question))
        blocks.append(_numbered(number, (*_asked(question), *help_and_key)))
    if questions.notes:
        blocks += ["## Notes", "\n".join(f"- {escaped(note)}" for note in questions.notes)]
    if is_quiz and questions.questions:
        blocks += [SEPARATOR, "## Answers"]
        blocks += (
            _numbered(number, _key(question))
            for number, question in enumerate(questions.questions, start=1)
        )
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """`text` so that CommonMark shows exactly its characters, wherever on a line it stands."""
    safe = _SPECIAL.sub(r"\\\g<0>", html.escape(legible(text), quote=False))
    return _MARKER.sub(r"\1\\", safe)


def _title(questions: QuestionSet) -> str:
    topic = legible(questions.topic or "")
    return f"# {_TITLES[questions.mode]}" + (f": {escaped(topic)}" if topic else "")


def _summary(questions: QuestionSet) -> str:
    count = len(questions.questions)
    if not count:
        topic = " about this" if questions.topic else ""
        return f"No question{topic} could be made of your documents."
    summary = f"{_counted(count, 'question')}."
    if questions.mode is QuizMode.QUIZ:
        minutes = suggested_minutes(questions.questions)
        summary += f" Suggested time: {_counted(minutes, 'minute')}."
    return summary


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _numbered(number: int, paragraphs: Iterable[str]) -> str:
    # What belongs to an item of a list is indented by the width of its marker.
    marker = f"{number}. "
    return marker + indent("\n\n".join(paragraphs), " " * len(marker))[len(marker) :]


def _asked(question: Question) -> Iterator[str]:
    yield escaped(question.stem)
    yield f"*{TASKS[question.type]}*"
    if question.pairs:
        yield "\n".join(
            f"* ({number}) {escaped(pair.left)}"
            for number, pair in enumerate(question.pairs, start=1)
        )
        yield _lettered(question.pairs[position].right for position in shown_order(question))
    elif question.steps:
        yield _lettered(question.steps[position] for position in shown_order(question))
    elif options := choices(question):
        yield _lettered(option.text for option in options)


def _lettered(texts: Iterable[str]) -> str:
    return "\n".join(
        f"- {letter(position)}) {escaped(text)}" for position, text in enumerate(texts)
    )


def _hint(question: Question) -> Iterator[str]:
    if hint := escaped(question.hint):
        yield f"**Hint:** {hint}"


def _key(question: Question) -> Iterator[str]:
    yield f"**Answer:** {_answer(question)}"
    if question.type is QuestionType.NUMERIC and question.tolerance:
        yield f"**Tolerance:** ± {decimal(question.tolerance)}"
    elif question.type in TYPED and (others := spellings(question)[1:]):
        yield f"**Also right:** {' / '.join(_spelling(text) for text in others)}"
    if explanation := escaped(question.explanation):
        yield f"**Explanation:** {explanation}"
    yield f"**Source:** {_place(question.source)}"
    yield f"> {escaped(question.source.quote)}"


def _answer(question: Question) -> str:
    if question.pairs or question.steps:
        order = shown_order(question)
        letters = [letter(order.index(position)) for position in range(len(order))]
        if question.steps:
            return ", ".join(letters)
        return ", ".join(f"{number}–{found}" for number, found in enumerate(letters, start=1))
    right = [
        f"{letter(position)}) {escaped(option.text)}"
        for position, option in enumerate(choices(question))
        if option.is_correct
    ]
    return ", ".join(right) or escaped(question.answer)


def _spelling(text: str) -> str:
    return escaped(text).replace("/", r"\/")


def _place(source: Source) -> str:
    name = escaped(source_name(source)).replace(",", r"\,")
    return name if source.page is None else f"{name}, page {source.page}"
