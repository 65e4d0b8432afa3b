"""HTML: what a reader of the page would read, and nothing of its machinery."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

from groundwell.adapters.parser.kreuzberg.canonical import (
    MAX_TITLE_SOURCE_CHARACTERS,
    CanonicalText,
    clean,
    tidy,
)
from groundwell.adapters.parser.kreuzberg.encoding import decode
from groundwell.adapters.parser.kreuzberg.reading import Reading, Task
from groundwell.adapters.parser.kreuzberg.tables import write_rows

_DECLARED = re.compile(
    rb"""(?:<meta[^>]+charset|<\?xml[^>]+encoding)\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE
)
_DECLARED_WITHIN = 4096
_SPACES = re.compile(r"\s+")

_SILENT = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "canvas",
        "iframe",
        "object",
        "audio",
        "video",
        "select",
        "button",
        "nav",
        "aside",
        "footer",
        "dialog",
        "map",
    ]
)
_SILENT_ROLES = frozenset({"navigation", "search", "banner", "contentinfo", "menu", "dialog"})
_SILENT_IN_HEADER = frozenset({"ul", "ol"})
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "ol",
        "p",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "ul",
    ]
)
# Tags whose end authors may leave out, by the tags whose beginning ends them.
_CLOSED_BY = {
    "li": {"li"},
    "p": {"p"},
    "td": {"td", "th"},
    "th": {"td", "th"},
    "tr": {"td", "th", "tr"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
}
_MAX_DEPTH = 1_000


def read(task: Task) -> Reading:
    """Read a web page: its main part if it names one, else its body."""
    data = Path(task.path).read_bytes()
    declared = _DECLARED.search(data[:_DECLARED_WITHIN])
    source = decode(data, declared[1].decode("ascii", "replace") if declared else None)
    source = clean(source)
    page = _PageText(CanonicalText(task.max_characters), main_only=True)
    page.read(source)
    if not page.has_main:
        page = _PageText(CanonicalText(task.max_characters), main_only=False)
        page.read(source)
    return page.canonical.finish(page.title)


class _PageText(HTMLParser):
    """Walks the tags and hands finished blocks to the canonical text."""

    def __init__(self, canonical: CanonicalText, *, main_only: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.canonical = canonical
        self.title = ""
        self._open: list[str] = []
        self._counts: Counter[str] = Counter()
        self._silent_from: int | None = None
        self._words: list[str] = []
        self._rows: list[list[str]] = []
        self._lines: list[str] = []
        self._main_only = main_only
        self.has_main = False
        self._in_title = False

    def read(self, source: str) -> None:
        """Feed the whole page."""
        self.feed(source)
        self.close()
        self._end_block()
        self._flush_lines()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and not self.title:
            self._in_title = True
        self.has_main |= tag == "main"
        if tag == "br":
            self._words.append("\n")
        if tag in _VOID:
            return
        while self._open and self._open[-1] in _CLOSED_BY.get(tag, ()):
            self.handle_endtag(self._open[-1])
        if len(self._open) < _MAX_DEPTH:
            self._open.append(tag)
            self._counts[tag] += 1
        if self._silent_from is None and self._is_silent(tag, dict(attrs)):
            self._end_block()
            self._silent_from = len(self._open)
        if tag in _BLOCKS or tag in _HEADINGS:
            self._end_block()
        if tag == "tr":
            self._end_block()
            self._flush_lines()
            self._rows.append([])

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False
        if not self._counts[tag]:
            return
        while self._open:
            last = self._open.pop()
            self._counts[last] -= 1
            self._finish(last)
            if self._silent_from is not None and len(self._open) < self._silent_from:
                self._silent_from = None
                self._words.clear()
            if last == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data[: MAX_TITLE_SOURCE_CHARACTERS - len(self.title)]
        elif self._is_heard():
            self._words.append(data if self._counts["pre"] else _SPACES.sub(" ", data))

    def _is_heard(self) -> bool:
        return self._silent_from is None and (not self._main_only or self._counts["main"] > 0)

    def _is_silent(self, tag: str, attributes: dict[str, str | None]) -> bool:
        return (
            tag in _SILENT
            or (attributes.get("role") or "").lower() in _SILENT_ROLES
            or "hidden" in attributes
            or attributes.get("aria-hidden") == "true"
            or (tag in _SILENT_IN_HEADER and self._counts["header"] > 0)
        )

    def _finish(self, tag: str) -> None:
        if tag in ("td", "th") and self._rows:
            self._rows[-1].append(" ".join(self._take_words().split()))
        elif tag in _HEADINGS:
            text = " ".join(self._take_words().split())
            if self._rows:
                self._words.append(text)
            else:
                self._flush_lines()
                self.canonical.add(text, level=_HEADINGS[tag])
        elif tag == "table":
            self._end_block()
            rows, self._rows = self._rows, []
            self.canonical.add(write_rows(rows))
        elif tag == "li":
            self._end_item()
        elif tag in _BLOCKS:
            self._end_block()

    def _take_words(self) -> str:
        if not self._words:
            return ""
        text = tidy("".join(self._words))
        self._words.clear()
        return text

    def _end_item(self) -> None:
        text = self._take_words()
        if self._rows:
            self._words.append(f"{text} ")
        elif text:
            self._lines.append(f"- {text}")

    def _end_block(self) -> None:
        """Close a paragraph; inside a table cell it stays a part of the cell."""
        if self._rows:
            self._words.append(" ")
        elif self._counts["li"]:
            self._end_item()
        elif text := self._take_words():
            self._flush_lines()
            self.canonical.add(text)

    def _flush_lines(self) -> None:
        self.canonical.add("\n".join(self._lines))
        self._lines.clear()
