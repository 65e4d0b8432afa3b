"""Texts of questions as HTML, for the formats that show HTML."""

from __future__ import annotations

import html

from groundwell.apps.quiz.legible import legible
from groundwell.apps.quiz.questions import Question
from groundwell.apps.quiz.shown import source_name


def as_html(text: str) -> str:
    """`text` so that HTML shows exactly its characters, outside of attributes."""
    return html.escape(legible(text), quote=False)


def explanation_html(question: Question) -> str:
    """A paragraph with the explanation, if there is one, and one with the quote and its place."""
    explanation = as_html(question.explanation)
    return (f"<p>{explanation}</p>" if explanation else "") + f"<p>{source_html(question)}</p>"


def source_html(question: Question) -> str:
    """The quote that proves the key, and where it stands."""
    source = question.source
    page = "" if source.page is None else f", page {source.page}"
    name = html.escape(source_name(source), quote=False)
    return f"<q>{as_html(source.quote)}</q> <cite>{name}</cite>{page}"
