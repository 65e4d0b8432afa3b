"""Tables as text: one line a row."""

from __future__ import annotations

import re
from collections.abc import Sequence

from groundwell.adapters.parser.kreuzberg.canonical import tidy

_SEPARATOR = " | "
_MAX_LABELLED_COLUMNS = 20
_MAX_LABEL_CHARACTERS = 60
_NUMBER = re.compile(r"[-+]?[\d.,\s]*\d[\d.,\s]*%?")


def write_rows(rows: Sequence[Sequence[str]]) -> str:
    """Return the cells of each row between bars; empty rows and trailing empty cells go."""
    return "\n".join(line for row in rows if (line := _join(row)))


def write_records(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first row names its columns so that each line stands alone.

    `name | age` over `Ann | 30` becomes `name | age` and `name: Ann | age: 30`, so that a passage
    from the middle of a long table still says what its values are. A table without such a first
    row is written as it stands.
    """
    filled = [row for row in ([tidy(cell) for cell in row] for row in rows) if any(row)]
    if not filled or not _is_header(filled[0], len(filled)):
        return write_rows(filled)
    header = filled[0]
    lines = [_SEPARATOR.join(header)]
    for row in filled[1:]:
        cells = [
            f"{header[place]}: {cell}" if place < len(header) else cell
            for place, cell in enumerate(row)
            if cell
        ]
        lines.append(_SEPARATOR.join(cells).replace("\n", " "))
    return "\n".join(lines)


def _join(row: Sequence[str]) -> str:
    return _SEPARATOR.join(" ".join(cell.split()) for cell in row).rstrip(" |")


def _is_header(row: Sequence[str], row_count: int) -> bool:
    return (
        row_count > 1
        and 1 < len(row) <= _MAX_LABELLED_COLUMNS
        and len(set(row)) == len(row)
        and all(cell and len(cell) <= _MAX_LABEL_CHARACTERS for cell in row)
        and not any(_NUMBER.fullmatch(cell) for cell in row)
    )
