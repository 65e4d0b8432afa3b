"""Facts that tables state: which value a row has in a column.

Tables stand in the text as Markdown writes them, as rows of cells between bars below a row of
names, or as records that repeat the names: `name: Ann | age: 30`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.language import Span
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.sentences import trim

_LEAST_ROWS = 3
_MOST_ROWS = 40
_MOST_COLUMNS = 8
_MOST_CELL_CHARACTERS = 70
_RULE = re.compile(r"[\s|:+-]+")
_NUMBER = re.compile(r"[-+]?[$€£]?\s?[\d.,\s]+%?")
# A number with its unit: "1,538 °C", "$5", "3.5 km/h".
_MEASURED = re.compile(r"[^\w\n]*\d[\d.,\s–-]*\S*")
_NAMED = re.compile(r"(?P<name>[^:|\n]{1,60}): (?P<cell>[^|\n]+)")


@dataclass(frozen=True, slots=True)
class _Row:
    """Cells of one line, with their columns' names if the line repeats them."""

    cells: tuple[Span, ...]
    names: tuple[Span, ...] = ()


def table_facts(passage: Passage, weight: float) -> list[Fact]:
    """One fact for each column of a table beside the first, if its rows have names of their own.

    `labels` are the rows' names, `items` their values, `column` the value column's name and
    `subject` that of the rows' names.
    """
    facts = []
    for rows, is_ruled in _tables(passage.text):
        header, body = _header(passage.text, rows, is_ruled=is_ruled)
        if header is None or not _LEAST_ROWS <= len(body) <= _MOST_ROWS:
            continue
        if len(header) < 2 or len(header) > _MOST_COLUMNS:  # noqa: PLR2004 - a name and a value
            continue
        for column in range(1, len(header)):
            fact = _fact(passage, header, body, column, weight)
            facts += [fact] if fact else []
    return facts


def _tables(text: str) -> Iterator[tuple[list[_Row], bool]]:
    """The runs of lines with bars, and whether a rule stands below the first."""
    rows: list[_Row] = []
    is_ruled = False
    for match in re.finditer(r"[^\n]*\n?", text):
        line = match.group()
        if line.count("|") and line.strip():
            if not _RULE.fullmatch(line):
                rows.append(_row(text, match.start(), match.end()))
            elif len(rows) == 1 and "-" in line:
                is_ruled = True
            continue
        if rows:
            yield rows, is_ruled
        rows, is_ruled = [], False
    if rows:
        yield rows, is_ruled


def _row(text: str, start: int, end: int) -> _Row:
    cells: list[Span] = []
    begin = start
    for match in re.finditer(r"\||\n|\Z", text[start:end]):
        cell = trim(text, begin, start + match.start())
        is_edge = match.start() == 0 or (match.group() != "|" and cell is None)
        if not is_edge:
            cells.append(Span(*(cell or (begin, begin))))
        begin = start + match.end()
        if match.group() != "|":
            break
    if cells and cells[0].start == cells[0].end and not text[start:end].lstrip().startswith("|"):
        cells = cells[1:]
    named = [_NAMED.fullmatch(text, *cell) for cell in cells]
    if cells and all(named):
        found = [match for match in named if match]
        return _Row(
            tuple(Span(*match.span("cell")) for match in found),
            tuple(Span(*match.span("name")) for match in found),
        )
    return _Row(tuple(cells))


def _header(
    text: str, rows: Sequence[_Row], *, is_ruled: bool
) -> tuple[tuple[Span, ...] | None, list[_Row]]:
    """The columns' names and the rows below; None when the table names no columns.

    The first row names them if a rule is below it, or if numbers are.
    """
    records = [row for row in rows if row.names]
    if records:
        names = [text[slice(*name)] for name in records[0].names]
        same = [row for row in records if [text[slice(*n)] for n in row.names] == names]
        return records[0].names, same
    first = rows[0].cells
    body = [row for row in rows[1:] if len(row.cells) == len(first)]
    told = [text[slice(*cell)] for cell in first]
    is_header = (
        all(any(map(str.isalpha, name)) and not name[0].isdigit() for name in told)
        and len(set(told)) == len(told)
        and (is_ruled or _has_numbers(text, body))
    )
    return (first, body) if is_header else (None, body)


def _has_numbers(text: str, body: Sequence[_Row]) -> bool:
    return any(_NUMBER.fullmatch(text[slice(*cell)]) for row in body for cell in row.cells[1:])


def _fact(
    passage: Passage, header: Sequence[Span], body: Sequence[_Row], column: int, weight: float
) -> Fact | None:
    text = passage.text
    kept = [
        (row.cells[0], row.cells[column])
        for row in body
        if _is_cell(text, row.cells[0]) and _is_cell(text, row.cells[column])
    ]
    names = [text[slice(*name)].casefold() for name, _ in kept]
    is_named = len(set(names)) == len(names) and not any(_NUMBER.fullmatch(n) for n in names)
    kept = _of_one_kind(text, kept)
    if len(kept) < _LEAST_ROWS or not is_named:
        return None
    return Fact(
        kind=FactKind.TABLE,
        chunk_id=passage.chunk_id,
        quote=Span(min(header[0].start, kept[0][0].start), kept[-1][1].end),
        subject=header[0],
        column=header[column],
        labels=tuple(name for name, _ in kept),
        items=tuple(value for _, value in kept),
        weight=weight + 1.5,
    )


def _of_one_kind(text: str, rows: Sequence[tuple[Span, Span]]) -> list[tuple[Span, Span]]:
    """The rows whose values are of the kind that most are of, numbers or words; none if half are.

    "Unknown" among numbers is no value, and would be the key or stand out.
    """
    numbers = [row for row in rows if _MEASURED.fullmatch(text, *row[1])]
    words = [row for row in rows if row not in numbers]
    if len(numbers) == len(words):
        return []
    return max(numbers, words, key=len)


def _is_cell(text: str, cell: Span) -> bool:
    return 0 < cell.end - cell.start <= _MOST_CELL_CHARACTERS and any(
        character.isalnum() for character in text[cell.start : cell.end]
    )
