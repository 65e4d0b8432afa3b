import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.unit.adapters.parser.sample_files import make_docx, make_pdf, make_zip

from groundwell.adapters.parser.detect import detect_file
from groundwell.domain.errors import DocumentError, UnsupportedTypeError
from groundwell.domain.media_types import MediaType

Detect: TypeAlias = Callable[[str, bytes], Awaitable[MediaType]]


@pytest.fixture
def detect(tmp_path: Path) -> Detect:
    async def detect_bytes(filename: str, content: bytes) -> MediaType:
        path = tmp_path / "stored"
        path.write_bytes(content)
        return await detect_file(path, filename)

    return detect_bytes


async def test_document_is_told_from_other_archives(detect: Detect):
    assert await detect("a.docx", make_docx("")) is MediaType.DOCX
    with pytest.raises(UnsupportedTypeError, match="ZIP"):
        await detect("a.docx", make_zip({"a.txt": b"words"}))


async def test_pdf_with_an_archive_at_its_end_is_refused(detect: Detect):
    with pytest.raises(UnsupportedTypeError, match="two file types"):
        await detect("a.pdf", make_pdf("words") + make_zip({"a.txt": b"words"}))


@pytest.mark.parametrize("comment", [b"", b"a comment"])
async def test_archive_with_a_huge_directory_is_not_loaded(detect: Detect, comment: bytes):
    entry = b"PK\x01\x02" + bytes(42)
    directory = entry * 50_000
    end = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, 50_000, 50_000, len(directory), 4, len(comment)
    )
    with pytest.raises(DocumentError) as caught:
        await detect("a.docx", b"PK\x03\x04" + directory + end + comment)
    assert caught.value.code == "document_bomb"


async def test_archive_cut_short_is_corrupt(detect: Detect):
    with pytest.raises(DocumentError) as caught:
        await detect("a.docx", make_docx("")[:-40])
    assert caught.value.code == "corrupt"


async def test_empty_file_is_refused(detect: Detect):
    with pytest.raises(DocumentError) as caught:
        await detect("a.txt", b"")
    assert caught.value.code == "empty_file"
