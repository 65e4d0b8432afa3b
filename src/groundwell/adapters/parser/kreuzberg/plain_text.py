"""Plain text, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from groundwell.adapters.parser.kreuzberg.canonical import (
    MAX_HEADINGS,
    CanonicalText,
    choose_title,
    clean,
)
from groundwell.adapters.parser.kreuzberg.encoding import decode
from groundwell.adapters.parser.kreuzberg.reading import Reading, Task
from groundwell.adapters.parser.kreuzberg.tables import write_records
from groundwell.domain.documents import HeadingSpan
from groundwell.domain.errors import DocumentError
from groundwell.domain.media_types import MediaType

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 20
_MAX_FIELD_CHARACTERS = 10_000_000

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(?=[^ \t])")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_NOT_A_PARAGRAPH = re.compile(r" {0,3}([-*+>#|]|\d+[.)])\s| {4}|\t|\s*$")
_FRONT_MATTER_TITLE = re.compile(r"^title:[ \t]*(.+)$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---(?:\n|\Z)", re.DOTALL)


def read(task: Task) -> Reading:
    """Read a text file; Markdown stays as it is written, with its headings found."""
    text = clean(decode(Path(task.path).read_bytes()))
    if task.media_type == MediaType.CSV:
        text = write_records(_split_cells(text))
    text = text.strip()
    if len(text) > task.max_characters:
        raise DocumentError(
            f"The document holds more than {task.max_characters:,} characters. Split it.",
            code="document_bomb",
        )
    if task.media_type != MediaType.MARKDOWN:
        canonical = CanonicalText(task.max_characters)
        canonical.add(text)
        return canonical.finish()
    headings = tuple(islice(find_headings(text), MAX_HEADINGS))
    return Reading(text, headings=headings, title=_find_title(text, headings))


def find_headings(text: str) -> Iterator[HeadingSpan]:
    """Yield the headings of Markdown; each span begins with the marks, if it has any."""
    previous = ""
    for start, line in _list_prose_lines(text):
        heading = _ATX_HEADING.match(line)
        if heading and (end := len(_without_closing_marks(line))) > heading.end(1):
            yield HeadingSpan(len(heading[1]), start + heading.start(1), start + end)
            previous = ""
        elif (underline := _UNDERLINE.match(line)) and not _NOT_A_PARAGRAPH.match(previous):
            first = start - 1 - len(previous.lstrip())
            level = 1 if underline[1].startswith("=") else 2
            yield HeadingSpan(level, first, first + len(previous.strip()))
            previous = ""
        else:
            previous = line


def _without_closing_marks(line: str) -> str:
    """A heading's line up to the marks that may follow it: `# Words #`."""
    shown = line.rstrip(" \t")
    before = shown.rstrip("#")
    return before.rstrip(" \t") if before.endswith((" ", "\t")) else shown


def _list_prose_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield offset and line, with lines of code blocks and front matter emptied."""
    fence = ""
    offset = 0
    body_start = found.end() if (found := _FRONT_MATTER.match(text)) else 0
    for line in text.split("\n"):
        opening = _FENCE.match(line)
        is_prose = not fence and opening is None and offset >= body_start
        if opening and not fence:
            fence = opening[1]
        elif opening and opening[1].startswith(fence) and not line.strip(" `~"):
            fence = ""
        yield offset, line if is_prose else ""
        offset += len(line) + 1


def _find_title(text: str, headings: tuple[HeadingSpan, ...]) -> str | None:
    matter = _FRONT_MATTER.match(text)
    named = _FRONT_MATTER_TITLE.search(matter[1]) if matter else None
    if named is not None and (title := choose_title(named[1].strip(" \"'"))):
        return title
    if not headings:
        return None
    return choose_title(text[headings[0].char_start : headings[0].char_end].lstrip("# \t"))


def _split_cells(text: str) -> list[list[str]]:
    lines = text.split("\n", _SAMPLE_LINES)[:_SAMPLE_LINES]
    delimiter = max(_DELIMITERS, key=lambda mark: sum(line.count(mark) for line in lines))
    csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise DocumentError(f"The CSV cannot be read: {error}.") from error
