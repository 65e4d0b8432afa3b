"""Questions as flash cards: a package for Anki, with one note and one card for each question.

The guid of a note is the question's id and the ids of its model and deck do not change, so that a
second import knows the notes again and keeps what was learned.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from groundwell.apps.quiz.exports.archive import zip_of
from groundwell.apps.quiz.exports.html_text import as_html, source_html
from groundwell.apps.quiz.legible import decimal, legible
from groundwell.apps.quiz.questions import Question, QuestionSet, QuestionType
from groundwell.apps.quiz.shown import TYPED, choices, shown_order, spellings

if TYPE_CHECKING:
    from genanki.deck import Deck
    from genanki.model import Model

FIELDS: Final = (
    "Question",
    "Choices",
    "Answer",
    "Also",
    "Feedback",
    "Explanation",
    "Hint",
    "Source",
)
"""The fields of a note, in order. All are HTML."""
MODEL_ID: Final = 1_640_995_201
"""Of the model of notes. May change only together with the fields."""

_MODEL_NAME: Final = "Groundwell question"
_DECK_NAME: Final = "Groundwell"
# 2022-01-01 UTC, in seconds: when all was made and changed, and where ids begin. A real time would
# make each file another one.
_TIMESTAMP: Final = 1_640_995_200
# Anki takes ids of decks for milliseconds since 1970; 40 bits of a hash are always in the past.
_DECK_ID_BYTES: Final = 5
_COLONS: Final = re.compile(":{2,}")
_FRONT: Final = """<div class="question">{{Question}}</div>
{{Choices}}
{{#Hint}}<div class="hint">{{hint:Hint}}</div>{{/Hint}}"""
_BACK: Final = """{{FrontSide}}<hr id="answer">
<div class="answer">{{Answer}}</div>
{{#Also}}<div>{{Also}}</div>{{/Also}}
{{#Explanation}}<p>{{Explanation}}</p>{{/Explanation}}
{{Feedback}}
<p class="source">{{Source}}</p>"""
_STYLE: Final = """.card { font-family: sans-serif; font-size: 18px; text-align: start; }
.answer { font-weight: bold; }
.source { font-size: 14px; opacity: 0.8; }"""


def as_anki(questions: QuestionSet) -> bytes:
    """A package with one deck, named after the topic."""
    # Only exports to Anki need it, and it takes a tenth of a second.
    from genanki.note import Note  # noqa: PLC0415 - a tenth of a second
    from genanki.package import Package  # noqa: PLC0415 - a tenth of a second

    deck, model = _deck(legible(questions.topic or "")), _model()
    for question in questions.questions:
        note = Note(model, _fields(question), guid=question.id, tags=_tags(question))
        deck.add_note(note)
    with closing(sqlite3.connect(":memory:")) as connection:
        ids = itertools.count(_TIMESTAMP * 1000)
        Package(deck).write_to_db(connection.cursor(), _TIMESTAMP, ids)
        connection.commit()
        collection = connection.serialize()
    return zip_of({"collection.anki2": collection, "media": b"{}"})


def _model() -> Model:
    from genanki.model import Model  # noqa: PLC0415 - see as_anki

    return Model(
        MODEL_ID,
        _MODEL_NAME,
        fields=[{"name": name} for name in FIELDS],
        templates=[{"name": "Question", "qfmt": _FRONT, "afmt": _BACK}],
        css=_STYLE,
    )


def _deck(topic: str) -> Deck:
    from genanki.deck import Deck  # noqa: PLC0415 - see as_anki

    # Two colons would part the name of a deck from that of a deck inside it.
    name = f"{_DECK_NAME}::{_COLONS.sub(':', topic)}" if topic else _DECK_NAME
    digest = blake2b(name.encode(), digest_size=_DECK_ID_BYTES).digest()
    return Deck(int.from_bytes(digest, "big"), name)


def _tags(question: Question) -> list[str]:
    return [_DECK_NAME.lower(), question.type, question.bloom]


def _fields(question: Question) -> list[str]:
    return [
        _field(question.stem),
        _choices(question),
        _answer(question),
        _also(question),
        _items("ul", [option.feedback for option in question.options])
        if any(option.feedback for option in question.options)
        else "",
        _field(question.explanation),
        _field(question.hint),
        _without_commands(source_html(question)),
    ]


def _choices(question: Question) -> str:
    order = shown_order(question)
    if question.pairs:
        left = _items("ol", [pair.left for pair in question.pairs])
        return left + _lettered(question.pairs[position].right for position in order)
    if question.steps:
        return _lettered(question.steps[position] for position in order)
    options = choices(question)
    return _lettered(option.text for option in options) if options else ""


def _answer(question: Question) -> str:
    if question.pairs:
        pairs = (
            f"<dt>{_field(pair.left)}</dt><dd>{_field(pair.right)}</dd>" for pair in question.pairs
        )
        return f"<dl>{''.join(pairs)}</dl>"
    return _items("ol", question.steps) if question.steps else _field(question.answer)


def _also(question: Question) -> str:
    if question.type is QuestionType.NUMERIC and question.tolerance:
        return f"± {decimal(question.tolerance)}"
    others = spellings(question)[1:] if question.type in TYPED else ()
    return _items("ul", others) if others else ""


def _lettered(texts: Iterable[str]) -> str:
    return _items('ol type="A"', texts)


def _items(element: str, texts: Iterable[str]) -> str:
    items = "".join(f"<li>{_field(text)}</li>" for text in texts)
    return f"<{element}>{items}</{element.partition(' ')[0]}>"


def _field(text: str) -> str:
    return _without_commands(as_html(text))


def _without_commands(html: str) -> str:
    """Anki plays sounds, speaks and runs LaTeX where a field names them in brackets."""
    return html.replace("[", "&#91;")
