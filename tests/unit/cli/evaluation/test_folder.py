"""Reading test collections in BEIR's form."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from groundwell.cli.evaluation.folder import read_collection, read_titles
from groundwell.domain.errors import GroundwellError, InvalidInputError, NotFoundError

CORPUS = [
    {"_id": "1", "title": "One", "text": "The first."},
    {"_id": "2", "title": "", "text": "The second."},
    {"_id": "3", "title": "", "text": ""},
]
QUERIES = [
    {"_id": "a", "text": "first?"},
    {"_id": "b", "text": "second?"},
    {"_id": "c", "text": "not judged"},
]
QRELS = "query-id\tcorpus-id\tscore\na\t1\t2\na\t2\t0\nb\t2\t1\n"


def lines(entries: list[dict[str, object]]) -> bytes:
    return "\n".join(json.dumps(entry) for entry in entries).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corpus.jsonl").write_bytes(lines(CORPUS))
    (tmp_path / "queries.jsonl").write_bytes(lines(QUERIES))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text(QRELS)
    return tmp_path


def refusal(folder: Path, split: str = "test") -> GroundwellError:
    with pytest.raises(GroundwellError) as caught:
        read_collection(folder, split)
    return caught.value


def test_queries_come_with_their_grades(folder: Path) -> None:
    found = read_collection(folder, "test")
    assert [(query.id, query.text, query.grades) for query in found.queries] == [
        ("a", "first?", {"1": 2, "2": 0}),
        ("b", "second?", {"2": 1}),
    ]
    assert (found.documents, found.judgements) == (2, 3)


def test_queries_without_judgements_are_counted_and_left_out(folder: Path) -> None:
    assert read_collection(folder, "test").unjudged_queries == 1


def test_packed_files_are_read(folder: Path) -> None:
    plain = read_collection(folder, "test")
    for name in ("corpus", "queries"):
        path = folder / f"{name}.jsonl"
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert read_collection(folder, "test").queries == plain.queries


def test_judgements_without_a_heading_are_read_from_the_first_line(folder: Path) -> None:
    (folder / "qrels" / "plain.tsv").write_text("a\t1\t1\n")
    assert read_collection(folder, "plain").queries[0].grades == {"1": 1}


def test_missing_documents_are_counted_and_stay_relevant(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text(f"{QRELS}a\tlost\t1\nb\t3\t1\n")
    found = read_collection(folder, "test")
    # Document 3 is in the corpus, but has no text that could be found.
    assert found.missing_documents == 2
    assert found.queries[0].grades["lost"] == 1


def test_judged_queries_that_nobody_worded_are_counted(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text(f"{QRELS}z\t1\t1\n")
    assert read_collection(folder, "test").unknown_queries == 1


@pytest.mark.parametrize("name", ["corpus", "queries"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / f"{name}.jsonl").unlink()
    error = refusal(folder)
    assert isinstance(error, NotFoundError)
    assert error.detail == f"There is no {name}.jsonl or {name}.jsonl.gz in {folder}."


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere").detail == f"There is no folder {tmp_path / 'nowhere'}."


def test_an_unknown_split_is_answered_with_those_that_there_are(folder: Path) -> None:
    (folder / "qrels" / "dev.tsv").write_text(QRELS)
    assert refusal(folder, "train").detail == (
        f"There is no split 'train' in {folder / 'qrels'}. Choose with --split: dev, test."
    )


def test_a_folder_without_judgements_is_refused(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").unlink()
    assert "There are no judgements" in refusal(folder).detail


@pytest.mark.parametrize("content", ["", "query-id\tcorpus-id\tscore\n"])
def test_empty_judgements_are_refused(folder: Path, content: str) -> None:
    (folder / "qrels" / "test.tsv").write_text(content)
    assert "holds no judgement" in refusal(folder).detail


@pytest.mark.parametrize("content", ["a\t1\t0\n", "z\t1\t1\n"])
def test_judgements_that_measure_nothing_are_refused(folder: Path, content: str) -> None:
    (folder / "qrels" / "test.tsv").write_text(content)
    assert "there is nothing to measure" in refusal(folder).detail


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a\t1", "it needs a query's id"),
        ("a 1 1", "it needs a query's id"),
        ("a\t1\tmuch", "it needs a query's id"),
        (f"a\t1\t{'9' * 5000}", "it needs a query's id"),
        ("a\t1\t1\t1", "it needs a query's id"),
        ("a\t1\t1", "it judges document '1' a second time"),
        ("a\t\udcff\t1", "not UTF-8"),
    ],
)
def test_a_broken_judgement_is_named_by_its_line(folder: Path, line: str, words: str) -> None:
    path = folder / "qrels" / "test.tsv"
    path.write_bytes(f"{QRELS}{line}\n".encode(errors="surrogateescape"))
    error = refusal(folder)
    assert isinstance(error, InvalidInputError)
    assert error.detail.startswith(f"{path}, line 5: {words}")
    assert error.detail.endswith("Nothing was sent.")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"_id": "d"', "not valid JSON"),
        ('{"text": "no id"}', "it needs an `_id`"),
        ('{"_id": "d", "text": " "}', "the query has no `text`"),
        ('{"_id": "d", "text": 5}', "the query has no `text`"),
        ('{"_id": "a", "text": "again"}', "it repeats the id 'a'"),
        ('{"_id": "d", "text": "a\\u0000b"}', "no NUL"),
        (json.dumps({"_id": "d", "text": "x" * 10_001}), "10000 characters"),
    ],
)
def test_a_broken_query_is_named_by_its_line(folder: Path, line: str, words: str) -> None:
    path = folder / "queries.jsonl"
    path.write_bytes(lines(QUERIES) + b"\n" + line.encode())
    detail = refusal(folder).detail
    assert detail.startswith(f"{path}, line 4: ")
    assert words in detail


def test_a_broken_document_is_named_by_its_line(folder: Path) -> None:
    (folder / "corpus.jsonl").write_bytes(lines(CORPUS) + b"\n[]")
    assert f"{folder / 'corpus.jsonl'}, line 4: " in refusal(folder).detail


@pytest.mark.parametrize("entries", [[], [CORPUS[2]]])
def test_a_corpus_without_any_text_is_refused(
    folder: Path, entries: list[dict[str, object]]
) -> None:
    (folder / "corpus.jsonl").write_bytes(lines(entries))
    assert refusal(folder).detail == f"{folder / 'corpus.jsonl'} holds no document with a text."


def test_the_digest_changes_with_any_file(folder: Path) -> None:
    before = read_collection(folder, "test").digest
    assert read_collection(folder, "test").digest == before
    (folder / "qrels" / "test.tsv").write_text(f"{QRELS}b\t1\t0\n")
    assert read_collection(folder, "test").digest != before


def test_documents_are_called_by_their_title_or_their_beginning(folder: Path) -> None:
    titles = read_titles(read_collection(folder, "test"))
    assert titles == {"1": "One", "2": "The second.", "3": ""}


def test_a_mark_of_the_encoding_is_no_part_of_the_first_query_s_id(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("a\t1\t2\n", encoding="utf-8-sig")
    found = read_collection(folder, "test")
    assert [query.id for query in found.queries] == ["a"]
    assert found.unknown_queries == 0


@pytest.mark.parametrize("line", ["a\t1\tmuch", "query-id\tcorpus-id\t", "a\t1\tO"])
def test_a_broken_first_judgement_is_no_heading(folder: Path, line: str) -> None:
    path = folder / "qrels" / "test.tsv"
    path.write_text(f"{line}\nb\t2\t1\n")
    assert refusal(folder).detail.startswith(f"{path}, line 1: it needs a query's id")


@pytest.mark.parametrize(
    "heading", ["query-id\tcorpus-id\tscore", "Query_ID\tdoc_id\trelevance", "qid\tdocid\tgrade"]
)
def test_known_headings_are_left_out(folder: Path, heading: str) -> None:
    (folder / "qrels" / "test.tsv").write_text(f"{heading}\na\t1\t1\n")
    assert read_collection(folder, "test").judgements == 1


@pytest.mark.parametrize("name", ["corpus", "queries"])
def test_an_id_is_a_text_or_a_number(folder: Path, name: str) -> None:
    (folder / f"{name}.jsonl").write_text('{"_id": true, "text": "x"}\n')
    assert "line 1: not a BEIR" in refusal(folder).detail
