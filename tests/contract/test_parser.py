"""What every parser promises, tried on each one that we have."""

import unicodedata
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.unit.adapters.parser.sample_files import make_docx, make_paragraph, make_pdf

from groundwell.adapters.parser.kreuzberg.parser import KreuzbergParser
from groundwell.domain.documents import ParsedDocument
from groundwell.domain.errors import DocumentError
from groundwell.domain.media_types import MediaType
from groundwell.ports.parser import Parser

SAMPLES = {
    MediaType.PDF: make_pdf("The first page\nhas two lines", "The second page", title="Two pages"),
    MediaType.DOCX: make_docx(make_paragraph("Only words", "Heading1") + make_paragraph("Body")),
    MediaType.HTML: b"<html><h1>Only words</h1><p>Body<script>evil()</script></p></html>",
    MediaType.MARKDOWN: b"  \n# Only words #\n\nBody with **marks**\n\nSetext\n------\n",
    MediaType.CSV: b"name,age\r\nAnn,30\r\nBob,\r\n",
    MediaType.TXT: "\ufeff Cafe\u0301\r\n\x00\x07line\u2028end \n".encode(),
}


@pytest.fixture(params=["kreuzberg"])
def parser(request: pytest.FixtureRequest) -> Parser:
    return {"kreuzberg": KreuzbergParser}[request.param]()


Parse: TypeAlias = Callable[..., Awaitable[ParsedDocument]]


@pytest.fixture
def parse(parser: Parser, tmp_path: Path) -> Parse:
    async def parse_bytes(content: bytes, media_type: MediaType) -> ParsedDocument:
        path = tmp_path / "file"
        path.write_bytes(content)
        return await parser.parse(path, "file.bin", media_type)

    return parse_bytes


@pytest.mark.parametrize("media_type", SAMPLES)
async def test_text_is_clean_and_spans_lie_inside_it(parse: Parse, media_type: MediaType):
    document = await parse(SAMPLES[media_type], media_type)
    assert document.media_type == media_type
    assert document.text == document.text.strip() != ""
    assert not {"\x00", "\r", "\ufeff"} & set(document.text)
    assert unicodedata.is_normalized("NFC", document.text)
    document.text.encode("utf-8")
    for spans in (document.pages, document.headings):
        ends = [0, *(span.char_end for span in spans)]
        assert all(end <= span.char_start for end, span in zip(ends, spans, strict=False))
        assert ends[-1] <= len(document.text)


async def test_each_page_span_covers_the_words_of_its_page(parse: Parse):
    document = await parse(SAMPLES[MediaType.PDF], MediaType.PDF)
    texts = {span.page: document.text[span.char_start : span.char_end] for span in document.pages}
    assert texts == {1: "The first page\nhas two lines", 2: "The second page"}
    assert document.title == "Two pages"


@pytest.mark.parametrize(
    ("media_type", "heading"),
    [(MediaType.HTML, "Only words"), (MediaType.MARKDOWN, "# Only words")],
)
async def test_heading_span_covers_the_heading_as_it_is_written(
    parse: Parse, media_type: MediaType, heading: str
):
    document = await parse(SAMPLES[media_type], media_type)
    first = document.headings[0]
    assert document.text[first.char_start : first.char_end] == heading
    assert (first.level, document.title) == (1, "Only words")


@pytest.mark.parametrize(
    ("content", "media_type", "code"),
    [
        (b"these are only words", MediaType.PDF, "corrupt"),
        (b"%PDF-1.7\nand then nothing", MediaType.PDF, "corrupt"),
        (b"PK\x03\x04 and then nothing", MediaType.DOCX, "corrupt"),
        (bytes(range(256)) * 8, MediaType.TXT, "bad_encoding"),
        (b"<html><script>only()</script></html>", MediaType.HTML, "no_text"),
        (make_docx(""), MediaType.DOCX, "no_text"),
    ],
)
async def test_unreadable_file_is_refused_with_a_code_and_a_sentence(
    parse: Parse, content: bytes, media_type: MediaType, code: str
):
    with pytest.raises(DocumentError) as caught:
        await parse(content, media_type)
    assert caught.value.code == code
    assert caught.value.detail.endswith(".")
