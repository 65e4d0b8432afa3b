"""PDF: page by page, so that each page's span is exact."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import kreuzberg

from groundwell.adapters.parser.kreuzberg.canonical import CanonicalText, tidy
from groundwell.adapters.parser.kreuzberg.extraction import (
    Node,
    extract,
    list_nodes,
    read_picture_of_page,
)
from groundwell.adapters.parser.kreuzberg.reading import Reading, Task
from groundwell.adapters.parser.kreuzberg.right_to_left import (
    is_visual_order,
    restore_reading_order,
)

# Begins at the beginning of a word and gives nothing back: each letter is looked at once.
_BROKEN_WORD = re.compile(r"(?<![^\W\d_])([^\W\d_]{2,}+)[-\u2010]\n([^\W\d_]{2,}+)")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_WORDS_TO_FIND = 6
_MAX_HEADING_CHARACTERS = 120
_MAX_HEADING_LINES = 2
# The end is looked for in so much of the file: what was added to it may be large.
_END_BYTES = 1 << 20
_OBJECT = re.compile(rb"\b\d+ \d+ obj\b")
_NO_END = "The end of the file is missing or damaged. What was written last may be lost."

Cut = tuple[int, int, int | None]
"""Start and end of a block in its page; the heading level, None for a paragraph."""


def read(task: Task) -> Reading:
    """Read a PDF; pages without a text layer go through OCR if the task has a language for it."""
    deadline = time.monotonic() + task.ocr_seconds
    path = Path(task.path)
    result = extract(path, task.media_type, output="markdown")
    texts = {page["page_number"]: tidy(page["content"]) for page in result.pages or ()}
    unread = [page for page, text in texts.items() if not text]
    if task.ocr_language is not None:
        texts |= _read_pictures(path, unread, task.ocr_language, deadline)
        unread = [page for page in unread if not texts[page]]
    backwards = is_visual_order("\n".join(texts.values()))
    nodes: dict[int, list[Node]] = {}
    for node in list_nodes(result):
        nodes.setdefault(node.page or 0, []).append(node)
    vocabulary = _count_words(texts.values())
    canonical = CanonicalText(task.max_characters)
    for page, text in sorted(texts.items()):
        _add_page(canonical, page, text, nodes.get(page, ()), backwards, vocabulary)
    warnings = () if has_end(path) else (_NO_END,)
    title = result.metadata.get("title")
    return canonical.finish(title, unread_pages=tuple(unread), warnings=warnings)


def has_end(path: Path) -> bool:
    """Whether the file ends as ISO 32000-2, 7.5.5 wants it, and no object follows the end.

    PDFium finds its way without: through a file that was cut off, or whose last changes were, it
    reads what is there and says nothing. What is no part of a PDF may follow.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _END_BYTES, 0))
        tail = file.read()
    _, mark, rest = tail.rpartition(b"%%EOF")
    return bool(mark) and _OBJECT.search(rest) is None


def _add_page(
    canonical: CanonicalText,
    page: int,
    text: str,
    nodes: Sequence[Node],
    backwards: bool,
    vocabulary: Mapping[str, int],
) -> None:
    for start, end, level in _fill_gaps(find_blocks(text, nodes), len(text)):
        block = text[start:end].strip()
        if backwards:
            block = restore_reading_order(block)
        canonical.add(
            " ".join(block.split()) if level is not None else join_broken_words(block, vocabulary),
            level=level,
            page=page,
        )


def find_blocks(text: str, nodes: Iterable[Node]) -> list[Cut]:
    """Find headings and beginnings of paragraphs in a page's text.

    The structure comes from the sizes of letters and may be wrong, the text may not: a block that
    is not found at the beginning of a line is left out, and no character is lost.
    """
    cuts: list[Cut] = []
    cursor = 0
    for node in nodes:
        words = tidy(node.text).split()
        is_heading = node.kind == "heading" and _looks_like_heading(node.text)
        if not words or node.kind not in ("heading", "paragraph"):
            continue
        wanted = words if is_heading else words[:_WORDS_TO_FIND]
        pattern = r"^" + r"\s+".join(map(re.escape, wanted)) + (r"$" if is_heading else "")
        found = re.compile(pattern, re.MULTILINE).search(text, cursor)
        if found is not None:
            cursor = found.end()
            cuts.append((found.start(), found.end(), node.level if is_heading else None))
    return cuts


def _fill_gaps(cuts: Sequence[Cut], length: int) -> list[Cut]:
    """Return cuts that cover `[0, length)`; what follows a block without a cut belongs to it."""
    starts = [start for start, _, _ in cuts] + [length]
    filled: list[Cut] = [(0, starts[0], None)]
    for (start, end, level), following in zip(cuts, starts[1:], strict=True):
        if level is None:
            filled.append((start, following, None))
        else:
            filled += [(start, end, level), (end, following, None)]
    return filled


def _looks_like_heading(text: str) -> bool:
    lines = tidy(text).split("\n")
    first = next((character for character in text if character.isalnum()), "")
    return (
        len(lines) <= _MAX_HEADING_LINES
        and len(text) <= _MAX_HEADING_CHARACTERS
        and any(character.isalpha() for character in text)
        and not first.islower()
        and not text.rstrip().endswith((".", ",", ";"))
        and (len(lines) == 1 or ", " not in text)
    )


def join_broken_words(text: str, vocabulary: Mapping[str, int]) -> str:
    """Mend words that were divided at line ends; real hyphens stay.

    `vocabulary` counts the document's words in lower case and decides between the two.
    """

    def mend(match: re.Match[str]) -> str:
        first, second = match[1], match[2]
        if not second.islower():
            return match[0]
        whole, compound = f"{first}{second}", f"{first}-{second}"
        is_compound = vocabulary.get(compound.lower(), 0) > vocabulary.get(whole.lower(), 0)
        return compound if is_compound else whole

    return _BROKEN_WORD.sub(mend, text)


def _count_words(texts: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for text in texts:
        for word in _WORD.findall(text.lower()):
            counts[word] = counts.get(word, 0) + 1
    return counts


def _read_pictures(
    path: Path, pages: Sequence[int], language: str, deadline: float
) -> dict[int, str]:
    """Read pages by OCR while there is time; a page that cannot be read stays empty."""
    texts: dict[int, str] = {}
    for page in pages:
        if time.monotonic() > deadline:
            break
        try:
            texts[page] = tidy(read_picture_of_page(path, page, language))
        except kreuzberg.KreuzbergError:
            texts[page] = ""
    return texts
