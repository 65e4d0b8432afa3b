"""Questions in GIFT, Moodle's text format.

Rules: https://docs.moodle.org/en/GIFT_format. What the page leaves open is decided by Moodle's own
reader: `->` cannot be escaped, texts are HTML when they say so, typed answers never are, and a
`*` in a typed answer stands for anything.
"""

from __future__ import annotations

import html
import re
from typing import Final

from groundwell.apps.quiz.exports.html_text import as_html, explanation_html
from groundwell.apps.quiz.legible import decimal, legible, shortened
from groundwell.apps.quiz.questions import Question, QuestionSet, QuestionType
from groundwell.apps.quiz.shown import GAP, TRUE, around_gap, choices, spellings

_SPECIAL: Final = re.compile(r"[\\~=#{}:]")
# Moodle keeps escaped characters as "&&" and three digits while it reads.
_PLACEHOLDER: Final = re.compile(r"&&(?=\d{3})")


def as_gift(questions: QuestionSet) -> str:
    """All questions, a blank line between two of them."""
    notes = "".join(f"// {legible(note)}\n" for note in questions.notes)
    head = [notes] if notes else []
    return "\n".join([*head, *(_item(question) for question in questions.questions)])


def _item(question: Question) -> str:
    tags = "".join(f" [tag:{tag}]" for tag in (question.type, question.bloom))
    title = _gift(_PLACEHOLDER.sub("& &", shortened(question.stem)))
    before, after = _around_answers(question)
    answers = "\n".join([*_answers(question), f"####{_gift(explanation_html(question))}"])
    return (
        f"// [id:{question.id}]{tags}\n"
        f"::{title}::[html]{_spaced(before)}{{{answers}\n}}{_spaced(after)}\n"
    )


def _around_answers(question: Question) -> tuple[str, str]:
    """The stem, parted where the answers stand: a missing word stands where they do."""
    stem = legible(question.stem)
    parts = around_gap(stem) if question.type is QuestionType.CLOZE else None
    if parts is None:
        return stem, ""
    before, after = parts
    # Moodle draws a gap only where something follows.
    return parts if after.strip() else (before + GAP, "")


def _answers(question: Question) -> list[str]:
    match question.type:
        case QuestionType.MCQ:
            return [
                f"{'=' if option.is_correct else '~'}{_formatted(option.text)}"
                f"{_feedback(option.feedback)}"
                for option in choices(question)
            ]
        case QuestionType.TRUE_FALSE:
            return [_true_or_false(question)]
        case QuestionType.NUMERIC if question.value is not None:
            return [f"#{decimal(question.value)}:{decimal(question.tolerance or 0)}"]
        case QuestionType.MATCHING:
            return [f"={_formatted(pair.left)} -> {_shown(pair.right)}" for pair in question.pairs]
        case QuestionType.ORDERING:
            steps = enumerate(question.steps, start=1)
            return [f"={number} -> {_shown(step)}" for number, step in steps]
        case _:
            return [f"=%100%{_typed(text)}" for text in spellings(question)]


def _true_or_false(question: Question) -> str:
    told = {option.is_correct: option.feedback for option in choices(question)}
    wrong, right = (_formatted(told.get(is_correct, "")) for is_correct in (False, True))
    key = "TRUE" if question.answer == TRUE else "FALSE"
    return f"{key}#{wrong}#{right}" if wrong or right else key


def _feedback(text: str) -> str:
    return f"#{shown}" if (shown := _formatted(text)) else ""


def _formatted(text: str) -> str:
    """A text where Moodle looks for a format in brackets and for a weight in percent."""
    shown = _shown(text)
    return f"[html]{shown}" if shown.startswith(("[", "%")) else shown


def _shown(text: str) -> str:
    return _gift(as_html(text))


def _spaced(part: str) -> str:
    """A part of a legible stem, with the space that parts it from the gap."""
    return _gift(html.escape(part, quote=False))


def _typed(text: str) -> str:
    starred = text.replace("*", r"\*").replace("->", "-*>")
    marked = _gift(_PLACEHOLDER.sub("&*&", starred))
    return f"[plain]{marked}" if marked.startswith("[") else marked


def _gift(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
