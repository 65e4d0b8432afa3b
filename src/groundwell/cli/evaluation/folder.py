"""Reading a test collection in BEIR's form: corpus, queries and judgements (Thakur et al. 2021)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from operator import contains
from pathlib import Path

from groundwell.cli.beir import (
    find_lines,
    mistake_in,
    read_corpus_ids,
    read_entry,
    read_raw_lines,
)
from groundwell.domain.errors import InvalidInputError, NotFoundError
from groundwell.domain.evaluation import JudgedQuery

_QUERY_CHARACTERS = 10_000
_COLUMNS = 3
_GRADE_DIGITS = 9
# What the three columns are called; anything else in a first line is a judgement, or a mistake.
_HEADINGS = (
    frozenset({"query-id", "queryid", "query", "qid"}),
    frozenset({"corpus-id", "corpusid", "doc-id", "docid", "document-id", "document", "did"}),
    frozenset({"score", "grade", "relevance", "relevancy", "rel", "label"}),
)
_TITLE_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class TestCollection:
    """Judged queries: of a folder that was read to its end without a mistake, or of a stored set.

    `folder` and `split` are None for a stored set; its documents are those of its collection.

    `queries` are those that can be measured. Left out are `unjudged_queries`, of which nothing
    relevant is known, and `unknown_queries`, which the judgements name but nobody worded.
    `missing_documents` counts judged documents that the corpus does not hold, or without text;
    they stay relevant. `digest` changes with any byte of the three files, or of the set.
    """

    # For pytest, which takes classes of this name for tests.
    __test__ = False

    name: str
    folder: Path | None
    split: str | None
    queries: tuple[JudgedQuery, ...]
    documents: int
    judgements: int
    unjudged_queries: int
    unknown_queries: int
    missing_documents: int
    digest: str

    @property
    def title(self) -> str:
        """What to call it in a sentence."""
        return self.name if self.split is None else f"{self.name}, split {self.split}"


def read_collection(folder: Path, split: str) -> TestCollection:
    """Read and check everything, so that nothing is sent by halves.

    Raises NotFoundError for a file or split that is not there, InvalidInputError that names file
    and line of a mistake, or says that there is nothing to measure.
    """
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}.")
    corpus, asked = find_lines(folder, "corpus"), find_lines(folder, "queries")
    judged = _find_judgements(folder, split)
    texts, grades = _read_queries(asked), _read_judgements(judged)
    ids = read_corpus_ids(folder)
    if not ids:
        raise InvalidInputError(f"{corpus} holds no document with a text.")
    queries = tuple(
        JudgedQuery(query, text, grades.get(query, {})) for query, text in texts.items()
    )
    measured = tuple(query for query in queries if query.has_relevant)
    if not measured:
        raise InvalidInputError(
            f"{judged} names no relevant document for any query of {asked}: there is nothing to "
            "measure."
        )
    named = {document for relevant in grades.values() for document in relevant}
    return TestCollection(
        name=folder.resolve().name,
        folder=folder,
        split=split,
        queries=measured,
        documents=len(ids),
        judgements=sum(len(query.grades) for query in measured),
        unjudged_queries=len(queries) - len(measured),
        unknown_queries=len(grades.keys() - texts.keys()),
        missing_documents=len(named - ids),
        digest=_digest(corpus, asked, judged),
    )


def read_titles(collection: TestCollection) -> dict[str, str]:
    """What to call each document: its title, or the beginning of its text; nothing for a set."""
    if collection.folder is None:
        return {}
    path = find_lines(collection.folder, "corpus")
    titles: dict[str, str] = {}
    for number, line in read_raw_lines(path):
        entry = read_entry(line, path, number, "document")
        words = " ".join(str(entry.get("title") or entry.get("text") or "").split())
        titles[str(entry["_id"])] = words[:_TITLE_CHARACTERS]
    return titles


def _find_judgements(folder: Path, split: str) -> Path:
    path = folder / "qrels" / f"{split}.tsv"
    if path.is_file():
        return path
    found = sorted(file.stem for file in (folder / "qrels").glob("*.tsv"))
    if not found:
        raise NotFoundError(f"There are no judgements in {folder / 'qrels'}: it needs a .tsv file.")
    raise NotFoundError(
        f"There is no split '{split}' in {folder / 'qrels'}. Choose with --split: "
        f"{', '.join(found)}."
    )


def _read_queries(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, line in read_raw_lines(path):
        entry = read_entry(line, path, number, "query")
        identity, text = str(entry["_id"]), entry.get("text")
        if not isinstance(text, str) or not text.strip():
            raise mistake_in(path, number, "the query has no `text`")
        if len(text) > _QUERY_CHARACTERS or "\0" in text:
            raise mistake_in(
                path, number, f"a query may have {_QUERY_CHARACTERS} characters and no NUL"
            )
        if identity in texts:
            raise mistake_in(path, number, f"it repeats the id '{identity}'")
        texts[identity] = text
    return texts


def _read_judgements(path: Path) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = {}
    is_first = True
    for number, line in read_raw_lines(path):
        try:
            # Some programs begin a file with a mark of its encoding.
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise mistake_in(path, number, "not UTF-8") from error
        columns = text.rstrip("\r\n").split("\t")
        is_heading, is_first = is_first and _is_heading(columns), False
        if is_heading:
            continue
        if len(columns) != _COLUMNS or not _is_whole(columns[2]):
            raise mistake_in(
                path, number, "it needs a query's id, a document's id and a whole number, with tabs"
            )
        query, document, grade = columns[0], columns[1], int(columns[2])
        of_query = grades.setdefault(query, {})
        if of_query.setdefault(document, grade) != grade:
            raise mistake_in(path, number, f"it judges document '{document}' a second time")
    if not grades:
        raise InvalidInputError(f"{path} holds no judgement: there is nothing to measure.")
    return grades


def _is_heading(columns: list[str]) -> bool:
    names = [name.strip().lower().replace("_", "-") for name in columns]
    return len(names) == _COLUMNS and all(map(contains, _HEADINGS, names))


def _is_whole(text: str) -> bool:
    digits = text.strip().removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(digits) <= _GRADE_DIGITS


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
