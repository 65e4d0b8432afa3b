"""Files made by hand, just large enough to be what they claim."""

import io
import struct
import zipfile
from collections.abc import Sequence

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def make_pdf(*pages: str, font_size: int = 12, title: str = "") -> bytes:
    """Write a PDF with one text line per line of each page."""
    streams = []
    for page in pages:
        lines = "".join(f"({line}) Tj T* " for line in page.split("\n") if line)
        streams.append(f"BT /F1 {font_size} Tf 15 TL 72 720 Td {lines}ET".encode())
    return assemble_pdf(
        [(b"<< /Length %d >>" % len(stream), stream) for stream in streams],
        "/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>",
        title,
    )


def assemble_pdf(
    contents: list[tuple[bytes, bytes]], resources: str, title: str = "", more: Sequence[bytes] = ()
) -> bytes:
    first_page = 4
    kids = " ".join(f"{first_page + 2 * place} 0 R" for place in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode(),
        f"<< /Title ({title}) >>".encode(),
    ]
    for place, (head, stream) in enumerate(contents):
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Contents {first_page + 2 * place + 1} 0 R /Resources << {resources} >> >>"
        )
        objects += [page.encode(), head + b"\nstream\n" + stream + b"\nendstream"]
    objects += more
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R /Info 3 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def make_scan(png: bytes) -> bytes:
    """Write a PDF whose only page is the picture: no text layer."""
    width, height, depth, color = struct.unpack(">IIBB", png[16:26])
    data, place = b"", 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            data += png[place + 8 : place + 8 + length]
        place += 12 + length
    space, channels = {0: ("/DeviceGray", 1), 2: ("/DeviceRGB", 3)}[color]
    head = (
        f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace {space} "
        f"/BitsPerComponent {depth} /Filter /FlateDecode /Length {len(data)} /DecodeParms "
        f"<< /Predictor 15 /Colors {channels} /Columns {width} >> >>"
    )
    drawing = b"q 612 0 0 792 0 0 cm /Im1 Do Q"
    picture = head.encode() + b"\nstream\n" + data + b"\nendstream"
    contents = [(b"<< /Length %d >>" % len(drawing), drawing)]
    return assemble_pdf(contents, "/XObject << /Im1 6 0 R >>", more=[picture])


def make_docx(body: str, **more: bytes) -> bytes:
    """Write a DOCX around the paragraphs in `body`; `more` members are added as they are."""
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-'
        'officedocument.wordprocessingml.document.main+xml"/></Types>'
    )
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/officeDocument" Target="word/document.xml"/></Relationships>'
    )
    document = f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return make_zip(
        {
            "[Content_Types].xml": types.encode(),
            "_rels/.rels": relations.encode(),
            "word/document.xml": document.encode(),
            **more,
        }
    )


def make_paragraph(text: str, style: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


def make_zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()
