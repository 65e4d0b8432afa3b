"""The closed list of file types, and telling them apart by content.

The content decides. The name only chooses between kinds of plain text, and is held against the
content: a file that claims to be one thing and is another is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import PurePath
from types import MappingProxyType

from groundwell.domain.errors import DocumentError, UnsupportedTypeError

HEAD_BYTES = 4096
"""How much of a file's beginning `detect_media_type` wants to see."""


class MediaType(StrEnum):
    """A supported type; the value is its internet media type."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    CSV = "text/csv"
    TXT = "text/plain"


MEDIA_TYPE_OF_EXTENSION: Mapping[str, MediaType] = MappingProxyType(
    {
        ".pdf": MediaType.PDF,
        ".docx": MediaType.DOCX,
        ".pptx": MediaType.PPTX,
        ".xlsx": MediaType.XLSX,
        ".html": MediaType.HTML,
        ".htm": MediaType.HTML,
        ".xhtml": MediaType.HTML,
        ".md": MediaType.MARKDOWN,
        ".markdown": MediaType.MARKDOWN,
        ".csv": MediaType.CSV,
        ".tsv": MediaType.CSV,
        ".txt": MediaType.TXT,
        ".text": MediaType.TXT,
    }
)

SUPPORTED_NAMES = "PDF, DOCX, PPTX, XLSX, HTML, Markdown, CSV and plain text"

_TEXT_TYPES = frozenset({MediaType.HTML, MediaType.MARKDOWN, MediaType.CSV, MediaType.TXT})

_MAIN_PARTS = (
    ("word/document.xml", MediaType.DOCX),
    ("ppt/presentation.xml", MediaType.PPTX),
    ("xl/workbook.xml", MediaType.XLSX),
)

_PDF_MAGIC = b"%PDF-"
_PDF_MAGIC_WITHIN = 1024
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_UNICODE_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")

_FOREIGN_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\xfe\xed\xfa\xcf", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\x00asm", "a program"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"RIFF", "a media file"),
    (b"OggS", "a media file"),
    (b"ID3", "a media file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a", "a RAR archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"SQLite format 3\x00", "a database"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript document"),
    (_OLE_MAGIC, "an old binary Office document"),
)


def detect_media_type(
    filename: str, head: bytes, size_bytes: int, zip_names: Collection[str] | None = None
) -> MediaType:
    """Tell what a file is from its first bytes and, for a ZIP, the names of its members.

    `head` holds the first `HEAD_BYTES` bytes or the whole file; `zip_names` is None when the file
    does not end in a ZIP directory. A file with a supported extension and unrecognisable content
    keeps the type its name claims: the parser then says what is wrong with it.

    Errors: DocumentError `empty_file`, `encrypted`; UnsupportedTypeError `unsupported_type`,
    `type_mismatch`.
    """
    if not size_bytes or (size_bytes <= len(head) and not head.strip(b" \t\r\n\x0b\x0c")):
        raise DocumentError(
            "The file is empty. Upload a file that contains text.", code="empty_file"
        )
    extension = PurePath(filename).suffix.lower()
    claimed = MEDIA_TYPE_OF_EXTENSION.get(extension)
    foreign = _name_foreign(head, zip_names)
    if foreign is not None:
        raise _refusal(head, extension, claimed, foreign)
    found = _recognise(head, claimed, zip_names)
    if found is None:
        if claimed is None and (extension or not _is_plain_text(head)):
            raise _unsupported(extension)
        return claimed or MediaType.TXT
    if claimed is None or are_alike(claimed, found):
        return found
    raise UnsupportedTypeError(
        f"The file is named {extension} but its content is {found.name}. Give it the extension "
        "that matches its content.",
        code="type_mismatch",
    )


def announced_media_type(filename: str, media_type: str | None) -> MediaType:
    """The type of a file that is to come, by its name and by what its owner calls it.

    Errors: UnsupportedTypeError `unsupported_type`, `type_mismatch` where the two contradict.
    """
    extension = PurePath(filename).suffix.lower()
    claimed = MEDIA_TYPE_OF_EXTENSION.get(extension)
    if claimed is None and (extension or media_type not in set(MediaType)):
        raise _unsupported(extension)
    if media_type is None:
        assert claimed is not None, "without an extension, the media type is one of the list"
        return claimed
    if media_type not in set(MediaType) or not are_alike(claimed or media_type, media_type):
        raise UnsupportedTypeError(
            f"The file is named {extension} but announced as another type. Supported are "
            f"{SUPPORTED_NAMES}.",
            code="type_mismatch",
        )
    return MediaType(media_type)


def are_alike(one: str, other: str) -> bool:
    """Whether a file can be called both: no content tells the kinds of plain text apart."""
    return one == other or {one, other} <= _TEXT_TYPES


def _recognise(
    head: bytes, claimed: MediaType | None, zip_names: Collection[str] | None
) -> MediaType | None:
    """Return the type that the content proves, None when it proves nothing."""
    if zip_names is not None and "[Content_Types].xml" in zip_names:
        for part, media_type in _MAIN_PARTS:
            if part in zip_names:
                return media_type
    # Text may well quote "%PDF-"; only a file that calls itself PDF may have junk before it.
    start = head.removeprefix(_UNICODE_MARKS[0]).lstrip()
    if start.startswith(_PDF_MAGIC):
        return MediaType.PDF
    if claimed is MediaType.PDF and _PDF_MAGIC in head[: _PDF_MAGIC_WITHIN + len(_PDF_MAGIC)]:
        return MediaType.PDF
    markup = start[:512].replace(b"\x00", b"").lower()
    if markup.startswith((b"<!doctype html", b"<html")) or (
        markup.startswith(b"<?xml") and b"<html" in markup
    ):
        return MediaType.HTML
    return None


def _name_foreign(head: bytes, zip_names: Collection[str] | None) -> str | None:
    """Name the known type outside the list that the content is, if it is one."""
    is_zip = head.startswith((b"PK\x03\x04", b"PK\x05\x06"))
    if is_zip or zip_names is not None:
        names = zip_names or ()
        is_office = "[Content_Types].xml" in names and any(part in names for part, _ in _MAIN_PARTS)
        if not is_zip:
            return "two file types at once (a ZIP archive hides in it)"
        if not is_office:
            return "a ZIP archive"
    if head.startswith(b"MZ") and b"\x00" in head[:64]:
        return "a program"
    if head[4:8] == b"ftyp":
        return "a media file"
    start = head.removeprefix(_UNICODE_MARKS[0]).lstrip()[:512].lower()
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        return "an SVG image"
    return next((name for magic, name in _FOREIGN_MAGIC if head.startswith(magic)), None)


def _refusal(
    head: bytes, extension: str, claimed: MediaType | None, foreign: str
) -> DocumentError | UnsupportedTypeError:
    office = (MediaType.DOCX, MediaType.PPTX, MediaType.XLSX)
    if claimed in office and head.startswith(_OLE_MAGIC):
        return DocumentError(
            "The file is protected with a password or saved in the old binary Office format. "
            f"Remove the password, or save it again as {extension}.",
            code="encrypted",
        )
    if claimed is None:
        return _unsupported(extension)
    return UnsupportedTypeError(
        f"The file is named {extension} but its content is {foreign}. "
        f"Supported are {SUPPORTED_NAMES}.",
        code="type_mismatch",
    )


def _unsupported(extension: str) -> UnsupportedTypeError:
    shown = extension or "(no extension)"
    return UnsupportedTypeError(
        f"Unsupported file type: {shown}. Supported are {SUPPORTED_NAMES}.",
        code="unsupported_type",
    )


def _is_plain_text(head: bytes) -> bool:
    if head.startswith(_UNICODE_MARKS):
        return True
    if b"\x00" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end inside a character.
        return error.start >= len(head) - 3
    return True
