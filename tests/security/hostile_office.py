"""Office files that are made to hurt whoever reads them."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

from tests.unit.adapters.parser.sample_files import WORD, make_docx, make_paragraph, make_zip

_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def relationships(*rows: tuple[str, str], outside: bool = False) -> bytes:
    """Rows of kind and target, with the ids r1, r2 and so on."""
    mode = ' TargetMode="External"' if outside else ""
    inner = "".join(
        f'<Relationship Id="r{number}" Type="{_KINDS}/{kind}" Target="{target}"{mode}/>'
        for number, (kind, target) in enumerate(rows, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{inner}</Relationships>'.encode()


def _package(main: str, kind: str, parts: Mapping[str, bytes]) -> bytes:
    types = (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        f'ContentType="application/xml"/><Override PartName="/{main}" ContentType='
        f'"application/vnd.openxmlformats-officedocument.{kind}.main+xml"/></Types>'
    )
    first = {"[Content_Types].xml": types.encode()}
    first["_rels/.rels"] = relationships(("officeDocument", main))
    return make_zip({**first, **parts})


def make_xlsx(rows: str, *, before: str = "", shared: str = "") -> bytes:
    """A workbook with one sheet; `before` stands before its root, `shared` are its strings."""
    book = (
        f'<workbook xmlns="{_SHEET}" xmlns:r="{_KINDS}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>'
    )
    sheet = f'{before}<worksheet xmlns="{_SHEET}"><sheetData>{rows}</sheetData></worksheet>'
    related = relationships(
        ("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml")
    )
    parts = {
        "xl/workbook.xml": book.encode(),
        "xl/_rels/workbook.xml.rels": related,
        "xl/worksheets/sheet1.xml": sheet.encode(),
        "xl/sharedStrings.xml": f'<sst xmlns="{_SHEET}">{shared}</sst>'.encode(),
    }
    return _package("xl/workbook.xml", "spreadsheetml.sheet", parts)


def cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def shape(text: str) -> str:
    return f"<p:sp><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"


def make_pptx(shapes: str, *, before: str = "", **more: bytes) -> bytes:
    """A presentation with one slide; `before` stands before the slide's root."""
    deck = (
        f'<p:presentation xmlns:p="{_SLIDES}" xmlns:r="{_KINDS}"><p:sldIdLst>'
        '<p:sldId id="256" r:id="r1"/></p:sldIdLst></p:presentation>'
    )
    slide = (
        f'{before}<p:sld xmlns:p="{_SLIDES}" xmlns:a="{_DRAWING}" xmlns:r="{_KINDS}"><p:cSld>'
        f"<p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"
    )
    parts = {
        "ppt/presentation.xml": deck.encode(),
        "ppt/_rels/presentation.xml.rels": relationships(("slide", "slides/slide1.xml")),
        "ppt/slides/slide1.xml": slide.encode(),
        **more,
    }
    return _package("ppt/presentation.xml", "presentationml.presentation", parts)


def entities(address: str) -> str:
    """Declarations of entities: eight powers of ten laughs, a file, an address."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    return (
        f'<!DOCTYPE w [<!ENTITY l0 "ha">{laughs}<!ENTITY file SYSTEM "file:///etc/passwd">'
        f'<!ENTITY remote SYSTEM "{address}"><!ENTITY % more SYSTEM "{address}"> %more;]>'
    )


def docx_with_entities(address: str) -> bytes:
    body = make_paragraph("Kept") + make_paragraph("&l8;&file;&remote;")
    document = (
        f'{entities(address)}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    )
    return make_docx("", **{"word/document.xml": document.encode()})


def docx_with_things_outside(address: str) -> bytes:
    """A template, a picture, a header and a link that are somewhere else, and files above."""
    related = relationships(
        *((kind, address) for kind in ("attachedTemplate", "image", "header", "hyperlink")),
        outside=True,
    )
    picture = (
        f'<w:p><w:r><w:drawing><a:blip xmlns:a="{_DRAWING}" xmlns:r="{_KINDS}" r:link="r2" '
        'r:embed="r2"/></w:drawing></w:r></w:p>'
    )
    parts = {
        "word/_rels/document.xml.rels": related,
        "word/_rels/settings.xml.rels": related,
        "../../../../etc/passwd": b"root:",
    }
    return make_docx(make_paragraph("Kept") + picture, **parts)


def packed_by(method: int, size: int) -> bytes:
    """A document with a member of zeros, packed by another method than usual."""
    buffer = io.BytesIO(make_docx(make_paragraph("x")))
    with zipfile.ZipFile(buffer, "a", method) as archive:
        archive.writestr("word/zeros.bin", bytes(size))
    return buffer.getvalue()


def overlapping(times: int, size: int) -> bytes:
    """An archive whose directory names one packed member `times` over."""
    whole = make_docx(make_paragraph("x"), **{"word/zeros.bin": bytes(size)})
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        start, count = archive.start_dir, len(archive.infolist()) + times
    directory = whole[start : whole.rindex(b"PK\x05\x06")]
    directory += directory[directory.rindex(b"PK\x01\x02") :] * times
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0)
    return whole[:start] + directory + end


def said_to_be_encrypted() -> bytes:
    """All members carry the mark of encryption."""
    whole = bytearray(make_docx(make_paragraph("x")))
    for mark, place_of_flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = whole.find(mark)
        while place >= 0:
            whole[place + place_of_flags] |= 1
            place = whole.find(mark, place + 4)
    return bytes(whole)


def nested(levels: int) -> bytes:
    """A document in a document in a document; the innermost unpacks to 100 MB."""
    inner = make_docx("", **{"word/zeros.bin": bytes(100_000_000)})
    for _ in range(levels):
        inner = make_docx(make_paragraph("x"), **{"word/embeddings/inner.docx": inner})
    return inner
