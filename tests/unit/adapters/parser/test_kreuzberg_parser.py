import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import kreuzberg
import pytest
from tests.unit.adapters.parser.sample_files import (
    assemble_pdf,
    make_docx,
    make_paragraph,
    make_pdf,
    make_scan,
)

from groundwell.adapters.parser.kreuzberg.parser import KreuzbergParser, ParserLimits
from groundwell.adapters.parser.kreuzberg.tesseract import find_tesseract
from groundwell.domain.documents import ParsedDocument
from groundwell.domain.errors import DocumentError
from groundwell.domain.media_types import MediaType

TESSERACT = find_tesseract()


Parse: TypeAlias = Callable[..., Awaitable[ParsedDocument]]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    async def parse_bytes(
        content: bytes,
        media_type: MediaType,
        parser: KreuzbergParser | None = None,
        filename: str = "file",
    ) -> ParsedDocument:
        path = tmp_path / "stored"
        path.write_bytes(content)
        return await (parser or KreuzbergParser()).parse(path, filename, media_type)

    return parse_bytes


async def refusal_of(
    parse: Parse, content: bytes, media_type: MediaType, **more: object
) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        await parse(content, media_type, **more)
    return caught.value


async def test_document_with_too_many_parts_is_a_bomb(parse: Parse):
    members = {f"word/part{number}.xml": b"" for number in range(2_001)}
    error = await refusal_of(parse, make_docx("", **members), MediaType.DOCX)
    assert error.code == "document_bomb"


async def test_document_that_unpacks_a_hundredfold_is_a_bomb(parse: Parse):
    bomb = make_docx("", **{"word/media/zeros.bin": bytes(30_000_000)})
    assert len(bomb) < 100_000
    error = await refusal_of(parse, bomb, MediaType.DOCX)
    assert error.code == "document_bomb"


async def test_document_that_lies_about_its_size_is_refused(parse: Parse):
    honest = make_docx("", **{"word/media/zeros.bin": bytes(25_000_000)})
    lying = honest.replace((25_000_000).to_bytes(4, "little"), (1_000).to_bytes(4, "little"))
    error = await refusal_of(parse, lying, MediaType.DOCX)
    assert error.code == "document_bomb"


async def test_entities_in_a_document_are_not_expanded(parse: Parse):
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    entity = '<!ENTITY l0 "ha"><!ENTITY file SYSTEM "file:///etc/passwd">'
    document = (
        f'<?xml version="1.0"?><!DOCTYPE w [{entity}{laughs}]>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        "<w:body><w:p><w:r><w:t>Kept &l8;&file;</w:t></w:r></w:p></w:body></w:document>"
    )
    docx = make_docx("", **{"word/document.xml": document.encode()})
    try:
        text = (await parse(docx, MediaType.DOCX)).text
    except DocumentError as error:
        text = error.detail
    assert "root:" not in text
    assert "hahaha" not in text


async def test_pdf_whose_stream_unpacks_to_gigabytes_is_a_bomb(parse: Parse):
    stream = zlib.compress(zlib.compress(b"(x) Tj " * 30_000_000, 1), 1)
    head = b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>" % len(stream)
    parser = KreuzbergParser(ParserLimits(memory_bytes=300 << 20))
    error = await refusal_of(
        parse, assemble_pdf([(head, stream)], ""), MediaType.PDF, parser=parser
    )
    assert error.code == "document_bomb"


async def test_text_over_the_limit_is_a_bomb(parse: Parse):
    parser = KreuzbergParser(ParserLimits(max_characters=10))
    error = await refusal_of(parse, b"eleven word", MediaType.TXT, parser=parser)
    assert error.code == "document_bomb"


async def test_scan_without_tesseract_says_how_to_get_it(parse: Parse):
    error = await refusal_of(parse, make_pdf(""), MediaType.PDF, filename="scan.pdf")
    assert error.code == "no_text"
    assert "scan.pdf" in error.detail
    assert "apt install tesseract-ocr" in error.detail
    assert "brew install tesseract" in error.detail


async def test_page_without_text_is_mentioned_when_others_have_some(parse: Parse):
    document = await parse(make_pdf("Words", "", "More words"), MediaType.PDF)
    assert [span.page for span in document.pages] == [1, 3]
    assert document.warnings[0].startswith("No text on page 2.")


@pytest.mark.skipif(TESSERACT is None, reason="Tesseract's data is not installed")
async def test_scan_is_read_by_tesseract_page_by_page(parse: Parse, tmp_path: Path):
    original = tmp_path / "original.pdf"
    original.write_bytes(make_pdf("HARBOUR LIGHTS", font_size=40))
    scan = make_scan(kreuzberg.render_pdf_page(original, 0, dpi=100))
    document = await parse(scan, MediaType.PDF, parser=KreuzbergParser(tesseract=TESSERACT))
    assert document.text == "HARBOUR LIGHTS"
    assert [span.page for span in document.pages] == [1]
    assert document.warnings == ()


async def test_headings_and_tables_of_a_document_become_plain_lines(parse: Parse):
    cells = "".join(f"<w:tc>{make_paragraph(text)}</w:tc>" for text in ("Leaves", "50"))
    body = make_paragraph("Bold **stars** stay") + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
    document = await parse(make_docx(body), MediaType.DOCX)
    assert document.text == "Bold **stars** stay\n\nLeaves | 50"
    assert document.pages == ()


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "naïve café"),
        ("utf-16", "Grüße"),
        ("utf-16-le", "Hamburgers are delicious"),
        ("utf-16-be", "Hamburgers are delicious"),
        ("utf-32", "Grüße"),
        ("utf-32-le", "plain words"),
        ("cp1252", "Le café coûte 12 € – c’est « cher »"),
        ("cp932", "名前は髙橋淳です。東京に住んでいます。"),
    ],
)
async def test_encodings_are_recognised(parse: Parse, encoding: str, text: str):
    assert (await parse(text.encode(encoding), MediaType.TXT)).text == text


async def test_web_page_is_read_without_its_machinery(parse: Parse):
    page = """<!doctype html><meta charset=windows-1252><title>Ducks &amp; geese</title>
    <nav><a>Menu</a></nav><main><h2>Feeding</h2><p>Ducks eat
    <b>grass</b>.<p>Caf\xe9 <svg><text>x</text></svg><table><tr><th>a<th>b<tr><td>1<td>2</table>
    <ul><li>one<li>two</ul><div hidden>secret</div><script>let s = "<p>no</p>"</script></main>
    <footer>Imprint</footer>"""
    document = await parse(page.encode("latin-1"), MediaType.HTML)
    expected = "Feeding\n\nDucks eat grass.\n\nCafé\n\na | b\n1 | 2\n\n- one\n- two"
    assert document.text == expected
    assert document.title == "Ducks & geese"


async def test_code_in_markdown_holds_no_headings(parse: Parse):
    source = b"---\ntitle: The guide\n---\n# One\n```\n# not one\n```\nTwo\n===\n- x\n---\n"
    document = await parse(source, MediaType.MARKDOWN)
    found = [(h.level, document.text[h.char_start : h.char_end]) for h in document.headings]
    assert found == [(1, "# One"), (1, "Two")]
    assert document.title == "The guide"


async def test_each_line_of_a_table_names_its_columns(parse: Parse):
    document = await parse(b"name;age\nAnn;30\n;\nBob;\n", MediaType.CSV)
    assert document.text == "name | age\nname: Ann | age: 30\nname: Bob"


async def test_table_without_a_header_stays_as_it_is(parse: Parse):
    document = await parse(b"1,2\n3,4\n", MediaType.CSV)
    assert document.text == "1 | 2\n3 | 4"
