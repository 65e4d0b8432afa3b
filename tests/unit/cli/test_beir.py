"""Reading corpora in BEIR's form."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import orjson
import pytest

from groundwell.cli.beir import read_batches
from groundwell.domain.errors import InvalidInputError, NotFoundError

MOST_MB = 32


def write_corpus(folder: Path, *lines: object) -> None:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "corpus.jsonl").write_text(text)


def documents(folder: Path) -> list[dict[str, object]]:
    return [
        orjson.loads(line)
        for lines, _ in read_batches(folder, MOST_MB)
        for line in lines.split(b"\n")
    ]


def test_documents_come_in_the_form_that_the_server_takes(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"_id": 7, "title": "", "text": "Seven.", "metadata": {"a": 1}})
    assert documents(tmp_path) == [
        {"id": "7", "title": None, "text": "Seven.", "metadata": {"a": 1}}
    ]


def test_a_line_without_metadata_says_nothing_about_them(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"_id": "7", "text": "Seven."})
    assert documents(tmp_path) == [{"id": "7", "title": None, "text": "Seven."}]


def test_a_large_corpus_is_cut_into_batches_without_loss(tmp_path: Path) -> None:
    write_corpus(tmp_path, *({"_id": str(n), "text": f"Text {n}."} for n in range(1201)))
    sizes = [count for _, count in read_batches(tmp_path, MOST_MB)]
    assert sizes == [500, 500, 201]
    assert [document["id"] for document in documents(tmp_path)] == [str(n) for n in range(1201)]


def test_long_texts_make_smaller_batches(tmp_path: Path) -> None:
    write_corpus(tmp_path, *({"_id": str(n), "text": "x" * (3 << 20)} for n in range(3)))
    assert [count for _, count in read_batches(tmp_path, MOST_MB)] == [1, 1, 1]


def test_documents_without_any_text_are_left_out(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"_id": "1", "text": " "}, "", {"_id": "2", "text": "Two."})
    assert [document["id"] for document in documents(tmp_path)] == ["2"]


def test_a_folder_without_a_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no corpus"):
        list(read_batches(tmp_path, MOST_MB))


@pytest.mark.parametrize(
    "content",
    [b"not gzip at all", gzip.compress(b'{"_id": "1", "text": "x"}\n' * 5, mtime=0)[:-20]],
)
def test_a_damaged_archive_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "corpus.jsonl.gz").write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"corpus\.jsonl\.gz, line \d+: "):
        list(read_batches(tmp_path, MOST_MB))


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "null",
        '{"_id": null, "text": "x"}',
        '{"_id": "", "text": "x"}',
        '{"_id": "2", "text": ["x"]}',
        '{"_id": "2", "title": 5}',
        '{"_id": "2", "text": "x", "metadata": "y"}',
        '{"_id": "2", "text": "a\\u0000b"}',
        '{"_id": "2", "text": "\\ud800"}',
        '{"_id": "2", "text": "x", "metadata": {"a": ["b\\u0000"]}}',
        '{"_id": "2", "text": "x", "metadata": {"\\u0000": 1}}',
        json.dumps({"_id": "2", "text": "x", "metadata": {"a": "x" * 20_000}}),
        '{"_id": "2/content", "text": "x"}',
        json.dumps({"_id": "x" * 201, "text": "x"}),
        json.dumps({"_id": "2", "title": "x" * 1001}),
    ],
)
def test_a_mistake_is_found_before_the_first_batch_is_given(tmp_path: Path, line: str) -> None:
    write_corpus(tmp_path, {"_id": "1", "text": "One."}, line)
    with pytest.raises(InvalidInputError, match=r"corpus\.jsonl, line 2: .* Nothing was sent\."):
        next(read_batches(tmp_path, MOST_MB))


def test_text_that_speaks_of_nul_without_holding_it_is_taken(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"_id": "1", "text": r"A NUL is written \u0000."})
    assert [document["text"] for document in documents(tmp_path)] == [r"A NUL is written \u0000."]


@pytest.mark.parametrize("line", [b'{"_id": "2", "text": "\xff"}', b"\xff\xfe{", b"\xef\xbb\xbf{}"])
def test_what_is_not_utf_8_is_named_by_its_line(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "corpus.jsonl").write_bytes(b'{"_id": "1", "text": "One."}\n' + line)
    with pytest.raises(InvalidInputError, match=r"corpus\.jsonl, line 2: not valid JSON"):
        next(read_batches(tmp_path, MOST_MB))


def test_a_repeated_id_is_named_with_both_lines(tmp_path: Path) -> None:
    write_corpus(tmp_path, {"_id": "1", "text": "One."}, "", {"_id": 1, "text": "Again."})
    with pytest.raises(InvalidInputError, match="line 3: it repeats the id of line 1"):
        next(read_batches(tmp_path, MOST_MB))


def test_a_document_that_the_server_would_not_take_is_named_by_its_line(tmp_path: Path) -> None:
    fits = {"_id": "1", "text": "x" * ((1 << 20) - 100)}
    write_corpus(tmp_path, fits, {"_id": "2", "text": "x" * (1 << 20)})
    with pytest.raises(
        InvalidInputError, match="line 2: the document is larger than a batch may be"
    ):
        next(read_batches(tmp_path, 1))
    assert [count for _, count in read_batches(tmp_path, 2)] == [2]


def test_no_batch_is_larger_than_the_server_takes(tmp_path: Path) -> None:
    # Exactly a mebibyte without the ends of lines, and a little more with them.
    texts = [{"_id": str(n), "text": "x" * ((1 << 20) // 4 - 32)} for n in range(5)]
    write_corpus(tmp_path, *texts)
    sizes = [len(lines) for lines, _ in read_batches(tmp_path, 1)]
    assert max(sizes) <= 1 << 20
    assert len(sizes) == 2
