import pytest

from groundwell.domain.errors import DocumentError, UnsupportedTypeError
from groundwell.domain.media_types import (
    MediaType,
    announced_media_type,
    are_alike,
    detect_media_type,
)

CONTENT_TYPES = "[Content_Types].xml"


def detect(filename: str, content: bytes, *zip_names: str) -> MediaType:
    return detect_media_type(filename, content, len(content), zip_names or None)


@pytest.mark.parametrize(
    ("filename", "content", "zip_names", "expected"),
    [
        ("a.pdf", b"%PDF-1.7\n", (), MediaType.PDF),
        ("a.pdf", b"junk before it\n%PDF-1.7\n", (), MediaType.PDF),
        ("no-extension", b"%PDF-1.7\n", (), MediaType.PDF),
        ("paper.v2", b"%PDF-1.7\n", (), MediaType.PDF),
        ("a.docx", b"PK\x03\x04", (CONTENT_TYPES, "word/document.xml"), MediaType.DOCX),
        ("a.pptx", b"PK\x03\x04", (CONTENT_TYPES, "ppt/presentation.xml"), MediaType.PPTX),
        ("a.xlsx", b"PK\x03\x04", (CONTENT_TYPES, "xl/workbook.xml"), MediaType.XLSX),
        ("a.html", b"<p>no doctype</p>", (), MediaType.HTML),
        ("a.txt", b"\xef\xbb\xbf <!DOCTYPE html><html>", (), MediaType.HTML),
        ("a.md", b"# Title", (), MediaType.MARKDOWN),
        ("a.md", b"How a file begins: %PDF-1.7", (), MediaType.MARKDOWN),
        ("A.CSV", b"a,b", (), MediaType.CSV),
        ("a.txt", b"MZ is how programs begin", (), MediaType.TXT),
        ("README", b"plain words", (), MediaType.TXT),
        ("a.txt", "wide".encode("utf-16-le"), (), MediaType.TXT),
    ],
)
def test_type_is_told_by_content(
    filename: str, content: bytes, zip_names: tuple[str, ...], expected: MediaType
):
    assert detect(filename, content, *zip_names) is expected


def test_pdf_that_is_none_stays_a_pdf_for_the_parser_to_explain():
    assert detect("a.pdf", b"these are only words") is MediaType.PDF


@pytest.mark.parametrize(
    ("filename", "content", "zip_names"),
    [
        ("virus.pdf", b"MZ\x90\x00\x03", ()),
        ("page.pdf", b"<html><body>", ()),
        ("drawing.pdf", b"<svg xmlns='http://www.w3.org/2000/svg'>", ()),
        ("paper.txt", b"%PDF-1.7\n", ()),
        ("paper.docx", b"%PDF-1.7\n", ()),
        ("sheet.docx", b"PK\x03\x04", (CONTENT_TYPES, "xl/workbook.xml")),
        ("archive.docx", b"PK\x03\x04", ("readme.txt",)),
        ("photo.md", b"\x89PNG\r\n\x1a\n", ()),
        ("polyglot.pdf", b"%PDF-1.7\n", ("a.txt",)),
    ],
)
def test_content_that_contradicts_the_name_is_refused(
    filename: str, content: bytes, zip_names: tuple[str, ...]
):
    with pytest.raises(UnsupportedTypeError) as caught:
        detect(filename, content, *zip_names)
    assert caught.value.code == "type_mismatch"
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("filename", "content"),
    [
        ("setup.exe", b"MZ\x90\x00\x03"),
        ("photo.png", b"\x89PNG\r\n\x1a\n"),
        ("words.xyz", b"only words"),
        ("backup.zip", b"PK\x03\x04"),
        ("letter.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ],
)
def test_type_outside_the_list_is_refused_and_the_list_is_named(filename: str, content: bytes):
    with pytest.raises(UnsupportedTypeError, match=r"Unsupported file type: \.\w+.*PDF") as caught:
        detect(filename, content)
    assert caught.value.code == "unsupported_type"


def test_binary_without_extension_is_refused():
    with pytest.raises(UnsupportedTypeError):
        detect("blob", b"\x00\x01\x02\xfe")


@pytest.mark.parametrize("content", [b"", b" \r\n\t\n"])
def test_empty_file_is_refused_at_once(content: bytes):
    with pytest.raises(DocumentError, match="empty") as caught:
        detect("a.pdf", content)
    assert caught.value.code == "empty_file"


def test_office_file_with_a_password_is_named_as_such():
    with pytest.raises(DocumentError, match="password") as caught:
        detect("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    assert caught.value.code == "encrypted"


def test_text_cut_inside_a_character_is_still_text():
    content = "é".encode() * 2048
    assert detect_media_type("notes", content[:4095], len(content)) is MediaType.TXT


@pytest.mark.parametrize(
    ("filename", "media_type", "expected"),
    [
        ("a.pdf", None, MediaType.PDF),
        ("A.PDF", "application/pdf", MediaType.PDF),
        ("a.txt", "text/markdown", MediaType.MARKDOWN),
        ("README", "text/plain", MediaType.TXT),
    ],
)
def test_what_is_announced_is_known_by_its_name_and_by_what_it_is_called(
    filename: str, media_type: str | None, expected: MediaType
):
    assert announced_media_type(filename, media_type) is expected


@pytest.mark.parametrize(
    ("filename", "media_type", "code"),
    [
        ("clip.mp4", None, "unsupported_type"),
        ("clip.mp4", "text/plain", "unsupported_type"),
        ("README", None, "unsupported_type"),
        ("README", "video/mp4", "unsupported_type"),
        ("a.pdf", "text/plain", "type_mismatch"),
        ("a.txt", "video/mp4", "type_mismatch"),
    ],
)
def test_what_is_announced_as_nothing_that_we_read_is_refused(
    filename: str, media_type: str | None, code: str
):
    with pytest.raises(UnsupportedTypeError) as caught:
        announced_media_type(filename, media_type)
    assert caught.value.code == code


def test_kinds_of_text_are_alike_and_others_are_not():
    assert are_alike("text/csv", "text/plain")
    assert are_alike("application/pdf", "application/pdf")
    assert not are_alike("application/pdf", "text/plain")
