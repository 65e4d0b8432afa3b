"""PDFs that are made to hurt whoever reads them."""

from __future__ import annotations

import zlib

from tests.unit.adapters.parser.sample_files import assemble_pdf, make_pdf

_FONT = b"/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
_CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"


def pdf_of(*objects: bytes) -> bytes:
    """A file of these objects, numbered from 1, with a right table of them."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def stream(body: bytes, head: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(body), body)


def page_that_draws(body: bytes, resources: bytes = b"", more: tuple[bytes, ...] = ()) -> bytes:
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << "
    tree = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return pdf_of(_CATALOG, tree, page + resources + b" >> >>", stream(body), *more)


def tree_that_holds_itself() -> bytes:
    return pdf_of(_CATALOG, b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>")


def tree_of_two_that_hold_each_other() -> bytes:
    nodes = (b"<< /Type /Pages /Kids [%d 0 R] /Count 1 /Parent %d 0 R >>" % (n, n) for n in (3, 2))
    return pdf_of(_CATALOG, *nodes)


def one_page_many_times(times: int) -> bytes:
    """A page tree that names its only page again and again."""
    text = stream(b"BT /F1 12 Tf 72 720 Td (hello world) Tj ET")
    tree = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"3 0 R " * times, times)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << "
    return pdf_of(_CATALOG, tree, page + _FONT + b" >> >>", text)


def forms_within_forms(levels: int) -> bytes:
    """Ten uses of a form that is ten uses of a form, and so on: text to the power of `levels`."""
    forms = tuple(
        stream(b"/X Do " * 10, b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources "
               b"<< /XObject << /X %d 0 R >> >>" % (6 + level))
        for level in range(levels)
    )  # fmt: skip
    last = stream(
        b"BT /F1 12 Tf (ha) Tj ET",
        b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << " + _FONT + b" >>",
    )
    return page_that_draws(b"/X Do", b"/XObject << /X 5 0 R >>", (*forms, last))


def twice_deflated(size: int) -> bytes:
    packed = zlib.compress(zlib.compress(b"(x) Tj " * (size // 7), 1), 1)
    head = b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>" % len(packed)
    return assemble_pdf([(head, packed)], _FONT.decode())


def picture(width: int, height: int, kind: bytes, data: bytes) -> bytes:
    """A page with a picture that says it is so large; `kind` is the filter of its `data`."""
    image = stream(
        data,
        b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray "
        b"/BitsPerComponent 1 /Filter %s" % (width, height, kind),
    )
    return page_that_draws(b"q 9 0 0 9 0 0 cm /I Do Q", b"/XObject << /I 5 0 R >>", (image,))


def encrypted() -> bytes:
    lock = (
        b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O (%s) /U (%s) >> "
        b"/ID [(aaaaaaaaaaaaaaaa) (aaaaaaaaaaaaaaaa)] " % (b"o" * 32, b"u" * 32)
    )
    return make_pdf("words").replace(b"/Info 3 0 R", lock + b"/Info 3 0 R")


def with_actions(address: str) -> bytes:
    """Scripts, programs and addresses that a viewer would start on opening."""
    actions = (
        f"/OpenAction << /S /JavaScript /JS (app.launchURL\\('{address}'\\)) >> "
        f"/AA << /WC << /S /Launch /F (/bin/sh) >> /WS << /S /URI /URI ({address}) >> >>"
    )
    whole = make_pdf("Kept words")
    return whole.replace(b"/Pages 2 0 R", b"/Pages 2 0 R " + actions.encode())
