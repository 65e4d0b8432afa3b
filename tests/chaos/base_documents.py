"""Whole documents to injure: every part that a parser has code of its own for, made by hand."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from tests.unit.adapters.parser.sample_files import (
    assemble_pdf,
    make_docx,
    make_paragraph,
    make_pdf,
)

HELVETICA = "/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
_GLYPH = b"500 0 0 0 400 700 d1 0 0 400 700 re f"
_TO_UNICODE = (
    b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
    b"1 begincodespacerange <00> <ff> endcodespacerange\n"
    b"2 beginbfrange <41> <5a> <0041> <61> <7a> <0061> endbfrange\n"
    b"endcmap end end"
)


def make_png(width: int = 16, height: int = 16) -> bytes:
    """A picture in one colour."""

    def part(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80\x20\x20" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", rows) + part(b"IEND", b"")


def stream(head: bytes, body: bytes) -> bytes:
    """An object with a stream."""
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(body), body)


def content(body: bytes) -> tuple[bytes, bytes]:
    """What a page draws, compressed."""
    packed = zlib.compress(body)
    return b"<< /Filter /FlateDecode /Length %d >>" % len(packed), packed


def make_table_pdf() -> bytes:
    """A grid of lines with words in its cells."""
    rows = b"".join(
        b"72 %d m 540 %d l S BT /F1 10 Tf 80 %d Td (Item %d) Tj 200 0 Td (%d pieces) Tj ET\n"
        % (700 - 20 * row, 700 - 20 * row, 705 - 20 * row, row, row * 7)
        for row in range(20)
    )
    return assemble_pdf([content(rows), content(rows)], HELVETICA, "A table")


def make_picture_pdf() -> bytes:
    """A page with a picture, a mask, a form and a link."""
    drawing = b"q 100 0 0 100 72 500 cm /Im1 Do Q /Fm1 Do BT /F1 12 Tf 72 700 Td (Caption) Tj ET"
    pixels = zlib.compress(b"\x10\x80\x40" * 64 * 64)
    image = b"/Type /XObject /Subtype /Image /Width 64 /Height 64 /BitsPerComponent 8 "
    more = [
        stream(image + b"/ColorSpace /DeviceRGB /Filter /FlateDecode /SMask 7 0 R", pixels),
        stream(image + b"/ColorSpace /DeviceGray", b"\xff" * 64 * 64),
        stream(b"/Type /XObject /Subtype /Form /BBox [0 0 99 99]", b"0 0 50 50 re f"),
    ]
    resources = f"{HELVETICA} /XObject << /Im1 6 0 R /Fm1 8 0 R >>"
    return assemble_pdf([content(drawing)], resources, "A picture", more)


def make_font_pdf() -> bytes:
    """Letters of a font that the file brings along, with their meaning in a table of its own."""
    resources = "/Font << /F1 6 0 R >>"
    names = b" ".join(b"/g%d" % code for code in range(65, 123))
    procs = b" ".join(b"/g%d 8 0 R" % code for code in range(65, 123))
    font = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 500 700] /FontMatrix [0.001 0 0 0.001 0 0] "
        b"/FirstChar 65 /LastChar 122 /Widths [%s] /CharProcs << %s >> /ToUnicode 7 0 R "
        b"/Encoding << /Type /Encoding /Differences [65 %s] >> >>" % (b"500 " * 58, procs, names)
    )
    text = content(b"BT /F1 24 Tf 72 700 Td (HarbourLights) Tj 0 -30 Td (Lanterns) Tj ET")
    return assemble_pdf(
        [text], resources, "Letters", [font, stream(b"", _TO_UNICODE), stream(b"", _GLYPH)]
    )


def make_rich_docx() -> bytes:
    """Headings, a list, a table in a table, a picture, notes, styles and a font."""
    cell = "<w:tc>{}</w:tc>".format
    inner = f"<w:tbl><w:tr>{cell(make_paragraph('inner'))}</w:tr></w:tbl>"
    row = f"<w:tr>{cell(make_paragraph('Apples'))}{cell(inner + make_paragraph('12'))}</w:tr>"
    numbered = '<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr>'
    picture = (
        '<w:p><w:r><w:drawing><a:blip xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/'
        'main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
        'r:embed="r5"/></w:drawing></w:r></w:p>'
    )
    body = (
        make_paragraph("Harbours", "Heading1")
        + make_paragraph("Lights guide ships into the harbour.")
        + f"{numbered}<w:r><w:t>First</w:t></w:r></w:p>{numbered}<w:r><w:t>Second</w:t></w:r></w:p>"
        + f"<w:tbl>{row * 5}</w:tbl>{picture}"
    )
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    related = "".join(
        f'<Relationship Id="r{number}" Type="{kinds}/{kind}" Target="{target}"/>'
        for number, kind, target in (
            (3, "styles", "styles.xml"),
            (4, "footnotes", "footnotes.xml"),
            (5, "image", "media/image1.png"),
        )
    )
    parts = {
        "word/_rels/document.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/'
        f'package/2006/relationships">{related}</Relationships>',
        "word/styles.xml": f'<w:styles xmlns:w="{word}"><w:style w:type="paragraph" '
        'w:styleId="Heading1"><w:name w:val="heading 1"/></w:style></w:styles>',
        "word/footnotes.xml": f'<w:footnotes xmlns:w="{word}"><w:footnote w:id="2">'
        f"{make_paragraph('A note.')}</w:footnote></w:footnotes>",
    }
    members = {name: text.encode() for name, text in parts.items()}
    members |= {
        "word/media/image1.png": make_png(),
        "word/fonts/font1.odttf": bytes(range(256)) * 8,
    }
    return make_docx(body, **members)


def unpack(archive: bytes) -> dict[str, bytes]:
    """The members of an archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def pack(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive whose bytes do not depend on the time of day, so that a seed is enough."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def base_documents() -> dict[str, bytes]:
    """All of them, by what they are."""
    pages = ("The harbour has two lights\nand a pier", "Ships come in at night\nwhen it is calm")
    return {
        "text.pdf": make_pdf(*pages, title="Harbours"),
        "table.pdf": make_table_pdf(),
        "picture.pdf": make_picture_pdf(),
        "font.pdf": make_font_pdf(),
        "plain.docx": pack(unpack(make_docx(make_paragraph("Only words") * 20))),
        "rich.docx": pack(unpack(make_rich_docx())),
    }
