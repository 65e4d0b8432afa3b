"""The sample collection is complete, consistent and small."""

import csv
import io
import json
import re
from importlib.resources import files
from itertools import combinations
from typing import TypedDict

import pytest

SAMPLES = files("groundwell.samples")
ARTICLE_SUFFIXES = (".md", ".html", ".csv", ".txt")
ARTICLES = tuple(
    sorted(
        entry.name
        for entry in SAMPLES.iterdir()
        if entry.name.endswith(ARTICLE_SUFFIXES) and entry.name != "calibration.txt"
    )
)
PROSE = tuple(name for name in ARTICLES if not name.endswith(".csv"))
LONG_SENTENCE_WORDS = 8


class Question(TypedDict):
    question: str
    document: str | None
    answer_contains: str | None


def read(name: str) -> str:
    return SAMPLES.joinpath(name).read_text(encoding="utf-8")


def load_questions() -> list[Question]:
    rows: list[Question] = json.loads(read("questions.json"))
    return rows


def long_sentences_of(name: str) -> set[str]:
    without_tags = re.sub(r"<[^>]+>", "\n", read(name))
    sentences = re.split(r"(?<=[.!?:;])\s+|\n+", without_tags)
    words = (re.findall(r"\w+", sentence.lower()) for sentence in sentences)
    return {" ".join(sentence) for sentence in words if len(sentence) >= LONG_SENTENCE_WORDS}


def test_collection_has_the_promised_formats():
    suffixes = [name.rsplit(".", 1)[1] for name in ARTICLES]
    assert {suffix: suffixes.count(suffix) for suffix in set(suffixes)} == {
        "md": 8,
        "html": 1,
        "csv": 1,
        "txt": 2,
    }


@pytest.mark.parametrize("name", PROSE)
def test_article_is_between_500_and_900_words_long(name: str):
    assert 500 <= len(read(name).split()) <= 900


@pytest.mark.parametrize("name", [name for name in PROSE if name.endswith(".md")])
def test_markdown_article_has_one_title_and_several_sections(name: str):
    headings = re.findall(r"^(#+) \S", read(name), flags=re.MULTILINE)
    assert headings.count("#") == 1
    assert headings.count("##") >= 4


def test_whole_collection_stays_below_one_hundred_kilobytes():
    assert sum(len(SAMPLES.joinpath(name).read_bytes()) for name in ARTICLES) < 100_000


@pytest.mark.parametrize(
    "question",
    [row for row in load_questions() if row["document"]],
    ids=lambda row: row["question"],
)
def test_answer_stands_verbatim_and_once_in_its_document(question: Question):
    assert question["document"] in ARTICLES
    assert question["answer_contains"]
    assert read(question["document"]).count(question["answer_contains"]) == 1


def test_every_article_has_at_least_three_questions():
    asked = [row["document"] for row in load_questions()]
    assert {name: asked.count(name) for name in ARTICLES if asked.count(name) < 3} == {}


def test_six_questions_have_no_answer_in_the_collection():
    unanswered = [row for row in load_questions() if row["document"] is None]
    assert len(unanswered) == 6
    assert all(row["answer_contains"] is None for row in unanswered)


def test_no_question_is_asked_twice():
    questions = [row["question"].lower() for row in load_questions()]
    assert len(questions) == len(set(questions))


def test_no_two_articles_share_a_long_sentence():
    sentences = {name: long_sentences_of(name) for name in ARTICLES}
    shared = {
        (first, second): sentences[first] & sentences[second]
        for first, second in combinations(ARTICLES, 2)
        if sentences[first] & sentences[second]
    }
    assert shared == {}


def test_elements_table_lists_the_first_twenty_in_order():
    rows = list(csv.DictReader(io.StringIO(read("chemical-elements.csv")), strict=True))
    assert [int(row["atomic_number"]) for row in rows] == list(range(1, 21))
    assert all(None not in row and None not in row.values() for row in rows)
    assert [row["symbol"] for row in rows if not row["melting_point_celsius"]] == ["He", "C"]


def test_html_article_carries_noise_for_the_parser_to_drop():
    page = read("coral-reefs.html")
    assert all(tag in page for tag in ("<nav", "<script>", "<style>", "<table>"))


def test_calibration_sentences_are_many_distinct_and_of_mixed_length():
    lines = read("calibration.txt").splitlines()
    lengths = [len(line.split()) for line in lines]
    assert 240 <= len(lines) <= 280
    assert len({line.lower() for line in lines}) == len(lines)
    assert all(line == line.strip() and line for line in lines)
    assert min(lengths) <= 3
    assert max(lengths) >= 40


def test_calibration_shares_no_long_sentence_with_the_articles():
    articles = set[str]().union(*(long_sentences_of(name) for name in ARTICLES))
    assert long_sentences_of("calibration.txt") & articles == set()
