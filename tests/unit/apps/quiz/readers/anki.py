"""Reads Anki packages: the notes in the database of the collection."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import dataclass

from tests.unit.apps.quiz.asked import Seen
from tests.unit.apps.quiz.readers.html_parts import plain, texts_of

from groundwell.apps.quiz.questions import QuestionType


@dataclass
class Collection:
    """What Anki imports: a deck with notes, their guids and their models."""

    decks: dict[int, str]
    models: dict[int, list[str]]
    notes: list[tuple[str, int, Seen]]
    cards: int


def read_anki(content: bytes) -> Collection:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert package.namelist() == ["collection.anki2", "media"]
        assert json.loads(package.read("media")) == {}
        database = package.read("collection.anki2")
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(database)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        decks, models = connection.execute("SELECT decks, models FROM col").fetchone()
        [[cards]] = connection.execute(
            "SELECT count(*) FROM cards JOIN notes ON notes.id = cards.nid"
        ).fetchall()
        rows = connection.execute("SELECT guid, mid, tags, flds FROM notes ORDER BY id").fetchall()
    named = {
        int(key): [f["name"] for f in model["flds"]] for key, model in json.loads(models).items()
    }
    return Collection(
        decks={int(key): deck["name"] for key, deck in json.loads(decks).items()},
        models=named,
        notes=[
            (guid, model, _seen(dict(zip(named[model], fields.split("\x1f"), strict=True)), tags))
            for guid, model, tags, fields in rows
        ],
        cards=cards,
    )


def _seen(fields: dict[str, str], tags: str) -> Seen:
    kind = QuestionType(tags.split()[1])
    assert not any("[" in field for field in fields.values()), "Anki would take it for a command"
    answer = fields["Answer"]
    right = texts_of(answer, "dd")
    choices = texts_of(fields["Choices"], "li")
    feedback = texts_of(fields["Feedback"], "li") or ("",) * len(choices)
    also = texts_of(fields["Also"], "li")
    place = fields["Source"]
    page = place.rpartition("</cite>")[2].removeprefix(", page ")
    is_choice = kind in {QuestionType.MCQ, QuestionType.TRUE_FALSE}
    is_typed = kind in {QuestionType.CLOZE, QuestionType.SHORT}
    return Seen(
        type=kind,
        stem=plain(fields["Question"]),
        options=tuple(
            (text, text == plain(answer), told)
            for text, told in zip(choices, feedback, strict=True)
        )
        if is_choice
        else (),
        typed=(plain(answer), *also) if is_typed else (),
        tolerance=float(fields["Also"].removeprefix("± "))
        if kind is QuestionType.NUMERIC and fields["Also"]
        else None,
        pairs=tuple(zip(texts_of(answer, "dt"), right, strict=True)),
        steps=texts_of(answer, "li"),
        hint=plain(fields["Hint"]),
        explanation=plain(fields["Explanation"]),
        quote=texts_of(place, "q")[0],
        document=texts_of(place, "cite")[0],
        page=int(page) if page else None,
    )
