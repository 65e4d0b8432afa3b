"""Exports: what independent readers find in the files is what was asked."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import Phase, given, settings
from tests.unit.apps.quiz.asked import (
    Seen,
    make_question,
    make_set,
    question_sets,
    seen,
    with_one_kind_of_gap,
)
from tests.unit.apps.quiz.readers import anki, gift, qti12, qti21
from tests.unit.apps.quiz.readers.layout import read_layout
from tests.unit.apps.quiz.readers.package import read_package

from groundwell.apps.quiz.exports.anki import FIELDS, MODEL_ID
from groundwell.apps.quiz.exports.csv_table import COLUMNS
from groundwell.apps.quiz.exports.export import export_as
from groundwell.apps.quiz.exports.formats import ExportFormat
from groundwell.apps.quiz.legible import legible, shortened
from groundwell.apps.quiz.questions import Option, QuestionSet, QuestionType, QuizMode
from groundwell.apps.quiz.shown import choices

anything = settings(derandomize=True, max_examples=25, deadline=None, phases=[Phase.generate])


def content(export_format: ExportFormat, questions: QuestionSet) -> bytes:
    return export_as(export_format, questions).content


def table(questions: QuestionSet) -> list[dict[str, str]]:
    text = content(ExportFormat.CSV, questions).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def wording_only(found: Seen) -> Seen:
    """What QTI keeps: not whether words stood in a gap or were asked for."""
    is_cloze = found.type is QuestionType.CLOZE
    return replace(
        with_one_kind_of_gap(found),
        type=QuestionType.SHORT if is_cloze else found.type,
        tolerance=(found.tolerance or 0) if found.value is not None else None,
    )


def nearly(found: Seen) -> Seen:
    """Bounds of numbers say a tolerance to 12 digits."""
    has_tolerance = found.tolerance is not None
    return replace(found, tolerance=round(found.tolerance or 0, 6) if has_tolerance else None)


@given(question_sets())
@anything
def test_gift_gives_back_the_questions_whatever_is_in_their_texts(questions: QuestionSet) -> None:
    read = gift.read_gift(content(ExportFormat.GIFT, questions).decode())
    assert [question.id for question in read] == [q.id for q in questions.questions]
    for found, question in zip(read, questions.questions, strict=True):
        expected = wording_only(seen(question))
        accepted = expected.typed
        shown = replace(with_one_kind_of_gap(found.seen), typed=())
        assert shown == replace(expected, typed=(), hint=None, type=question.type)
        assert len(found.seen.typed) == len(accepted)
        assert all(gift.matches(*both) for both in zip(found.seen.typed, accepted, strict=True))


@given(question_sets())
@anything
def test_qti_1_2_is_valid_and_gives_back_the_questions(questions: QuestionSet) -> None:
    read = qti12.read_qti12(content(ExportFormat.QTI, questions))
    expected = [wording_only(seen(question)) for question in questions.questions]
    assert [nearly(with_one_kind_of_gap(found)) for found in read] == [nearly(e) for e in expected]


@given(question_sets())
@anything
def test_qti_2_1_is_valid_and_gives_back_the_questions(questions: QuestionSet) -> None:
    read = qti21.read_qti21(content(ExportFormat.QTI21, questions))
    expected = [wording_only(seen(question)) for question in questions.questions]
    assert [with_one_kind_of_gap(found) for found in read] == [
        # A statement is a choice of two like any other.
        replace(e, type=QuestionType.MCQ) if e.type is QuestionType.TRUE_FALSE else e
        for e in expected
    ]


@given(question_sets())
@anything
def test_anki_gives_back_the_questions_under_ids_that_do_not_change(questions: QuestionSet) -> None:
    read = anki.read_anki(content(ExportFormat.ANKI, questions))
    assert [(guid, model) for guid, model, _ in read.notes] == [
        (question.id, MODEL_ID) for question in questions.questions
    ]
    assert read.models[MODEL_ID] == list(FIELDS)
    assert read.cards == len(questions.questions)
    assert [found for _, _, found in read.notes] == [
        replace(seen(question), value=None, tolerance=question.tolerance or None)
        for question in questions.questions
    ]


@given(question_sets())
@anything
def test_csv_gives_back_the_questions_and_no_cell_is_a_formula(questions: QuestionSet) -> None:
    for row, question in zip(table(questions), questions.questions, strict=True):
        numbers = (row.pop("value"), row.pop("tolerance"))
        assert numbers == tuple(
            "" if number is None else f"{number:.12g}"
            for number in (question.value, question.tolerance)
        )
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
        cells = {name: cell.removeprefix("'") for name, cell in row.items()}
        expected = seen(question)
        assert cells["id"] == question.id
        assert (cells["type"], cells["stem"]) == (expected.type, expected.stem)
        assert cells["answer"] == legible(question.answer)
        options = "\n".join(text for text, _, _ in expected.options)
        feedback = "\n".join(told for _, _, told in expected.options).rstrip("\n")
        assert (cells["options"], cells["option_feedback"]) == (options, feedback)
        assert cells["accepted"] == "\n".join(legible(text) for text in question.accepted)
        assert cells["left"] == "\n".join(left for left, _ in expected.pairs)
        assert cells["right"] == "\n".join(right for _, right in expected.pairs)
        assert cells["steps"] == "\n".join(expected.steps)
        assert cells["hint"] == expected.hint
        assert cells["explanation"] == expected.explanation
        assert cells["quote"] == expected.quote
        assert cells["page"] == str(question.source.page or "")


@given(question_sets())
@anything
def test_json_keeps_every_text_verbatim(questions: QuestionSet) -> None:
    read = json.loads(content(ExportFormat.JSON, questions))
    assert (read["mode"], read["topic"], read["asked"], tuple(read["notes"])) == (
        questions.mode,
        questions.topic,
        questions.asked,
        questions.notes,
    )
    for found, question in zip(read["questions"], questions.questions, strict=True):
        fields = ("id", "type", "stem", "answer", "value", "tolerance", "unit", "hint", "seed")
        assert {name: found[name] for name in fields} == {
            name: getattr(question, name) for name in fields
        }
        assert found["options"] == [
            {"text": option.text, "correct": option.is_correct, "feedback": option.feedback}
            for option in choices(question)
        ]
        assert [(pair["left"], pair["right"]) for pair in found["pairs"]] == [
            (pair.left, pair.right) for pair in question.pairs
        ]
        assert tuple(found["steps"]) == question.steps
        assert tuple(found["accepted"]) == question.accepted
        assert found["source"]["quote"] == question.source.quote
        assert found["source"]["start"] == question.source.start


def digests() -> dict[str, str]:
    return {name: sha256(content(name, make_set())).hexdigest() for name in ExportFormat}


def test_every_process_writes_the_same_bytes() -> None:
    program = f"import json; from {__name__} import digests; print(json.dumps(digests()))"
    other = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "PYTHONHASHSEED": "7",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TZ": "Asia/Tokyo",
        },
        capture_output=True,
        check=True,
        text=True,
    )
    assert json.loads(other.stdout) == digests()


@pytest.mark.parametrize("export_format", ExportFormat)
def test_a_set_without_questions_is_a_file_that_can_be_read(export_format: ExportFormat) -> None:
    file = export_as(export_format, make_set(questions=(), notes=("Nobody wrote about it.",)))
    assert file.name.isascii()
    match export_format:
        case ExportFormat.MARKDOWN:
            assert read_layout(file.content.decode()).seen == []
        case ExportFormat.JSON:
            assert json.loads(file.content)["questions"] == []
        case ExportFormat.CSV:
            assert file.content.decode("utf-8-sig") == ",".join(COLUMNS) + "\r\n"
        case ExportFormat.GIFT:
            assert gift.read_gift(file.content.decode()) == []
        case ExportFormat.QTI:
            assert qti12.read_qti12(file.content) == []
        case ExportFormat.QTI21:
            assert qti21.read_qti21(file.content) == []
        case ExportFormat.ANKI:
            assert anki.read_anki(file.content).notes == []


def test_gift_puts_the_answers_of_a_cloze_where_the_word_is_missing() -> None:
    cloze = make_question(QuestionType.CLOZE, stem="The _____ is the falling tide.", accepted=())
    text = content(ExportFormat.GIFT, make_set(questions=(cloze,))).decode()
    assert "[html]The {=%100%ebb\n####" in text
    assert text.endswith("\n} is the falling tide.\n")


def test_gift_shows_a_gap_at_the_end_of_a_sentence() -> None:
    cloze = make_question(QuestionType.CLOZE, stem="The falling tide is the _____")
    [found] = gift.read_gift(content(ExportFormat.GIFT, make_set(questions=(cloze,))).decode())
    assert found.seen.stem == cloze.stem


def test_gift_keeps_what_a_wildcard_or_an_arrow_would_spoil() -> None:
    short = make_question(QuestionType.SHORT, answer="a->b", accepted=(r"\*", "&&058;", "[html]c"))
    [found] = gift.read_gift(content(ExportFormat.GIFT, make_set(questions=(short,))).decode())
    assert found.seen.type is QuestionType.SHORT
    arrow, star, placeholder, bracket = found.seen.typed
    assert gift.matches(arrow, "a->b")
    assert gift.matches(star, r"\*")
    assert not gift.matches(star, r"\x")
    assert gift.matches(placeholder, "&&058;")
    assert bracket == "[html]c"


def test_gift_has_titles_tags_and_the_feedback_of_a_statement() -> None:
    told = (
        Option("True", is_correct=False, feedback="It falls."),
        Option("False", is_correct=True, feedback="Right, it falls."),
    )
    statement = make_question(QuestionType.TRUE_FALSE, options=told, stem="Ebb: the rising tide.")
    [found] = gift.read_gift(content(ExportFormat.GIFT, make_set(questions=(statement,))).decode())
    assert found.title == "Ebb: the rising tide."
    assert found.tags == ("true_false", "remember")
    assert found.seen.options == (
        ("True", False, "It falls."),
        ("False", True, "Right, it falls."),
    )


def test_gift_shows_brackets_that_look_like_a_format() -> None:
    odd = Option("[html]x", is_correct=False, feedback="[plain]y")
    question = make_question(options=(odd, Option("%50%", is_correct=True)))
    [found] = gift.read_gift(content(ExportFormat.GIFT, make_set(questions=(question,))).decode())
    assert found.seen.options == (("[html]x", False, "[plain]y"), ("%50%", True, ""))


def test_titles_are_cut_between_words() -> None:
    assert shortened("tide " * 20) == "tide " * 11 + "tide…"
    assert shortened("x" * 61) == "x" * 59 + "…"


def test_files_in_archives_have_no_time_of_their_own() -> None:
    for export_format in (ExportFormat.QTI, ExportFormat.QTI21, ExportFormat.ANKI):
        with zipfile.ZipFile(io.BytesIO(content(export_format, make_set()))) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert archive.testzip() is None


def test_a_quiz_in_qti_2_1_has_the_suggested_time() -> None:
    file = content(ExportFormat.QTI21, make_set(mode=QuizMode.QUIZ))
    (_, test), *_ = read_package(file, "qti21")
    limits = test.find("q:timeLimits", qti21.Q)
    assert limits is not None
    assert limits.get("maxTime") == "420"


def test_decks_of_one_topic_are_one_deck() -> None:
    decks = [
        anki.read_anki(content(ExportFormat.ANKI, make_set(topic=topic))).decks
        for topic in ("Sea::Tides", "Sea::Tides", "Moon", None)
    ]
    assert decks[0] == decks[1]
    made = [set(deck.values()) - {"Default"} for deck in decks]
    assert made[1:] == [{"Groundwell::Sea:Tides"}, {"Groundwell::Moon"}, {"Groundwell"}]
    assert len({key for deck in decks for key in deck}) == 4
