"""DOCX, PPTX and XLSX: blocks in reading order, tables as rows."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from groundwell.adapters.parser.kreuzberg.archive import refuse_bomb
from groundwell.adapters.parser.kreuzberg.canonical import CanonicalText, clean, tidy
from groundwell.adapters.parser.kreuzberg.extraction import Node, extract, list_nodes
from groundwell.adapters.parser.kreuzberg.reading import Reading, Task
from groundwell.adapters.parser.kreuzberg.tables import write_records, write_rows
from groundwell.domain.media_types import MediaType

_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_LITERAL_KINDS = ("code", "formula")
_SILENT_KINDS = ("group", "list", "quote", "image", "page_break", "slide")


def read(task: Task) -> Reading:
    """Read an Office file after counting what it unpacks to."""
    path = Path(task.path)
    refuse_bomb(path)
    canonical = CanonicalText(task.max_characters)
    if task.media_type == MediaType.PPTX:
        title = _read_slides(path, task.media_type, canonical)
    elif task.media_type == MediaType.XLSX:
        title = _read_sheets(path, task.media_type, canonical)
    else:
        title = _read_flow(path, task.media_type, canonical)
    return canonical.finish(title)


def _read_flow(path: Path, media_type: str, canonical: CanonicalText) -> str | None:
    """Read a DOCX. It has no pages: where they break is decided by whoever prints it."""
    result = extract(path, media_type)
    nodes = list(list_nodes(result))
    body = [node for node in nodes if node.layer not in ("header", "footer")]
    for is_list, group in groupby(body, key=lambda node: node.kind == "list_item"):
        if is_list:
            canonical.add(_write_list(list(group), nodes))
            continue
        for node in group:
            canonical.add(_write_block(node), level=node.level if node.kind == "heading" else None)
    return result.metadata.get("title")


def _write_block(node: Node) -> str:
    if node.kind in _SILENT_KINDS:
        return ""
    if node.kind == "table":
        return write_rows([[_LINK.sub(r"\1", clean(cell)) for cell in row] for row in node.grid])
    if node.kind in _LITERAL_KINDS:
        return clean(node.text).strip()
    text = tidy(node.text)
    return " ".join(text.split()) if node.kind == "heading" else text


def _write_list(items: Sequence[Node], nodes: Sequence[Node]) -> str:
    lines: list[str] = []
    for parent, group in groupby(items, key=lambda node: node.parent):
        is_ordered = parent is not None and nodes[parent].is_ordered
        for number, item in enumerate(group, start=1):
            lines.append(f"{number}. {tidy(item.text)}" if is_ordered else f"- {tidy(item.text)}")
    return "\n".join(lines)


def _read_slides(path: Path, media_type: str, canonical: CanonicalText) -> str | None:
    # kreuzberg's own slide boundaries drift; a marker that no slide can contain does not.
    secret = secrets.token_hex(16)
    marker = f"\n\n<{secret}:{{page_num}}>\n\n"
    result = extract(path, media_type, page_marker=marker)
    # Only the Markdown output tells titles from other text, only the plain one has the notes.
    marked = list_nodes(extract(path, media_type, output="markdown"))
    titles = [tidy(node.text) for node in marked if node.kind == "heading"]
    parts = re.split(rf"<{secret}:(\d+)>", result.content)
    for number, content in zip(parts[1::2], parts[2::2], strict=True):
        _add_slide(canonical, int(number), clean(content), titles)
    return result.metadata.get("title")


def _add_slide(canonical: CanonicalText, number: int, content: str, titles: list[str]) -> None:
    """Add a slide's blocks; takes its title off the front of `titles`."""
    blocks = [block for block in content.split("\n\n") if block.strip()]
    for is_table, group in groupby(blocks, key=lambda block: "\t" in block):
        if is_table:
            canonical.add(write_rows([row.split("\t") for row in group]), page=number)
            continue
        for block in map(tidy, group):
            is_title = bool(titles) and block == titles[0]
            if is_title:
                titles.pop(0)
            canonical.add(block, level=1 if is_title else None, page=number)


def _read_sheets(path: Path, media_type: str, canonical: CanonicalText) -> str | None:
    result = extract(path, media_type)
    sheet = 0
    for node in list_nodes(result):
        if node.kind == "heading":
            sheet += 1
            canonical.add(tidy(node.text), level=1, page=sheet)
        elif node.kind == "table":
            canonical.add(write_records(node.grid), page=max(sheet, 1))
        else:
            canonical.add(_write_block(node), page=max(sheet, 1))
    return result.metadata.get("title")
