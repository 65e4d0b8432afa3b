"""The one place that calls kreuzberg, and what its errors mean to us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import kreuzberg

from groundwell.domain.errors import DocumentError

Grid = Sequence[Sequence[str]]

_NO_CACHE = kreuzberg.TesseractConfig(use_cache=False, enable_table_detection=False)
_OCR_DPI = 300


@dataclass(frozen=True, slots=True)
class Node:
    """A block of a document in reading order. `grid` holds the cells of a table."""

    kind: str
    text: str
    level: int
    page: int | None
    is_ordered: bool
    layer: str
    parent: int | None
    grid: Grid


def extract(
    path: Path, media_type: str, *, output: str = "plain", page_marker: str | None = None
) -> kreuzberg.ExtractionResult:
    """Extract the file at `path`; `page_marker` with `{page_num}` in it is put before each page.

    Errors: DocumentError `encrypted` or `corrupt`.
    """
    pages = (
        kreuzberg.PageConfig(extract_pages=True)
        if page_marker is None
        else kreuzberg.PageConfig(
            extract_pages=True, insert_page_markers=True, marker_format=page_marker
        )
    )
    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        include_document_structure=True,
        output_format=output,
        pages=pages,
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
    )
    try:
        return kreuzberg.extract_file_sync(path, mime_type=media_type, config=config)
    except kreuzberg.KreuzbergError as error:
        if "password" in str(error).lower():
            raise DocumentError(
                "The file is protected with a password. Remove the password and upload it again.",
                code="encrypted",
            ) from error
        raise DocumentError(
            "The file is damaged or is not what its name says: it cannot be opened. "
            "Save it again with the program that made it and upload it anew."
        ) from error


def read_picture_of_page(path: Path, page: int, language: str) -> str:
    """Return what OCR reads on `page` (from 1) of the PDF at `path`, untidied.

    Errors: kreuzberg.KreuzbergError when the page cannot be drawn or read.
    """
    picture = kreuzberg.render_pdf_page(path, page - 1, dpi=_OCR_DPI)
    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        output_format="plain",
        ocr=kreuzberg.OcrConfig(backend="tesseract", language=language, tesseract_config=_NO_CACHE),
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
    )
    return kreuzberg.extract_bytes_sync(picture, "image/png", config=config).content


def list_nodes(result: kreuzberg.ExtractionResult) -> Iterator[Node]:
    """Yield the document's blocks in reading order."""
    for node in result.document["nodes"] if result.document else ():
        content = cast("Mapping[str, object]", node["content"])
        yield Node(
            kind=str(content.get("node_type")),
            text=str(content.get("text") or ""),
            level=int(cast("int", content.get("level") or 1)),
            page=node.get("page"),
            is_ordered=bool(content.get("ordered")),
            layer=str(node.get("content_layer") or "body"),
            parent=node.get("parent"),
            grid=_lay_out(cast("Mapping[str, object] | None", content.get("grid"))),
        )


def _lay_out(grid: Mapping[str, object] | None) -> Grid:
    if not grid:
        return ()
    rows = [[""] * cast("int", grid["cols"]) for _ in range(cast("int", grid["rows"]))]
    for cell in cast("Sequence[Mapping[str, object]]", grid["cells"]):
        rows[cast("int", cell["row"])][cast("int", cell["col"])] = str(cell["content"])
    return rows
