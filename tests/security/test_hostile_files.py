"""Hostile texts, tables, pages of the web, and files that are none of the accepted kinds."""

from __future__ import annotations

import codecs
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.chaos.base_documents import make_png
from tests.security.hostile_office import docx_with_things_outside
from tests.security.hostile_pdf import with_actions
from tests.security.outcomes import (
    READY,
    count_callers,
    listener,
    outcome_in_time,
    outcome_of,
)
from tests.unit.adapters.parser.sample_files import make_docx, make_pdf, make_zip

from groundwell.adapters.parser.kreuzberg.parser import ParserLimits
from groundwell.domain.composition import compose

MANY = 1_000_000
EPUB = make_zip({"mimetype": b"application/epub+zip", "OEBPS/content.opf": b"<package/>"})
ODT = make_zip({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<x/>"})
TIFF = b"II*\0" + bytes(4)
HUGE_GIF = b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b"\x2c\0\0\0\0\xff\xff\xff\xff" * 10_000
HUGE_PNG = make_png().replace((16).to_bytes(4, "big") * 2, b"\x7f\xff\xff\xff" * 2)
EML = b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 5_000

NOT_ACCEPTED = {
    "program.exe": b"MZ\x90\0" + bytes(100),
    "archive.zip": make_zip({"inner.zip": make_zip({"a.docx": make_docx("")})}),
    "archive.tar.gz": b"\x1f\x8b\x08" + bytes(20),
    "book.epub": EPUB,
    "text.odt": ODT,
    "huge.png": HUGE_PNG,
    "frames.gif": HUGE_GIF,
    "frames.tiff": TIFF,
    "drawing.svg": b"<svg onload='alert(1)'/>",
    "mail.eml": EML,
    "nested.json": b"[" * 100_000 + b"]" * 100_000,
    "old.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "words.rtf": b"{\\rtf1 words}",
}
RENAMED = {
    **{name: content for name, content in NOT_ACCEPTED.items() if not name.endswith(("l", "n"))},
    "huge.png": HUGE_PNG,
    "page": b"<!doctype html><script>alert(1)</script>",
    "drawing": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    "both": make_pdf("words") + make_zip({"a.txt": b"words"}),
    "elf": b"\x7fELF\x02\x01" + bytes(60),
}


@pytest.mark.parametrize("name", NOT_ACCEPTED)
async def test_a_kind_that_is_not_on_the_list_is_refused_unread(name: str, tmp_path: Path) -> None:
    assert (await outcome_of(tmp_path, name, NOT_ACCEPTED[name])).code == "unsupported_type"


@pytest.mark.parametrize("suffix", [".pdf", ".docx", ".xlsx", ".pptx"])
async def test_no_suffix_makes_a_file_what_it_is_not(suffix: str, tmp_path: Path) -> None:
    for name, content in RENAMED.items():
        outcome = await outcome_of(tmp_path, name + suffix, content)
        is_old_office = name == "old.doc" and suffix != ".pdf"
        assert outcome.code == ("encrypted" if is_old_office else "type_mismatch"), name


@pytest.mark.parametrize("suffix", [".txt", ".md", ".csv", ".html"])
async def test_a_pdf_or_a_program_is_no_text(suffix: str, tmp_path: Path) -> None:
    for content in (make_pdf("words"), NOT_ACCEPTED["program.exe"], make_docx(""), EPUB):
        assert (await outcome_of(tmp_path, f"a{suffix}", content)).code == "type_mismatch"


EMPTY = {
    "nothing.txt": (b"", "empty_file"),
    "white.md": (b" \r\n\t" * 1_000, "empty_file"),
    "long white.txt": (b" \n" * MANY, "no_text"),
    "marks only.txt": ("\ufeff\u200b\u00ad".encode() * 3_000, "no_text"),
    "script.html": (b"<html><script>only()</script>", "no_text"),
    "page.pdf": (make_pdf(""), "no_text"),
    "empty.docx": (make_docx(""), "no_text"),
    "commas.csv": (b",,,\n" * 1_000, "no_text"),
}


@pytest.mark.parametrize("name", EMPTY)
async def test_a_file_without_text_never_becomes_a_document(name: str, tmp_path: Path) -> None:
    content, code = EMPTY[name]
    assert (await outcome_of(tmp_path, name, content)).code == code


TEXTS = {
    "UTF-16": ("Grüße".encode("utf-16"), READY),
    "UTF-16 cut in a letter": ("Grüße".encode("utf-16")[:-1], "bad_encoding"),
    "lone surrogate": (codecs.BOM_UTF16_LE + b"a\0\0\xd8b\0", "bad_encoding"),
    "surrogate as UTF-8": (b"Some words \xed\xa0\x80 and more words", READY),
    "invalid UTF-8": (b"Some words \xff\xfe\xfd and more words.\n" * 20, READY),
    "a NUL": (b"Some words\0 and more", READY),
    "only NUL": (bytes(1_000), "bad_encoding"),
    "binary": (bytes(range(256)) * 40, "bad_encoding"),
    "one line of 10 MB": (b"a" * 10 * MANY, READY),
    "60 million characters": (b"word " * 12 * MANY, "document_bomb"),
    "marks on one letter": (("a" + "\u0301\u0323" * MANY).encode(), READY),
    "marks in the wrong order": (("a" + "\u0301" * MANY + "\u0323" * MANY).encode(), READY),
}


@pytest.mark.parametrize("name", TEXTS)
async def test_a_hostile_text_is_read_or_refused_in_seconds(name: str, tmp_path: Path) -> None:
    content, code = TEXTS[name]
    # Long before the promised minute, also beside other work.
    limits = ParserLimits(cpu_seconds=10)
    outcome = await outcome_in_time(tmp_path, "a.txt", content, limits, {code})
    assert outcome.code == code


def test_marks_without_end_are_put_in_order_in_no_time() -> None:
    text = "a" + "\u0301\u0323" * MANY
    for _ in range(3):
        begun = time.process_time()
        composed = compose(text)
        spent = time.process_time() - begun
        if spent < 2:
            break
    sys.stdout.write(f"{len(text):,} combining marks composed in {spent:.2f} s\n")
    assert len(composed) <= 31
    assert spent < 2
    assert compose("\u1112\u1161\u11ab e\u0301") == "한 é"


# Made when they are needed: every process of the tests reads this file.
SLOW_ONCE: dict[str, Callable[[], bytes]] = {
    "spaces in a heading.md": lambda: b"# a" + b" " * 300_000 + b"x",
    "closing marks.md": lambda: b"# a" + b" #" * 300_000 + b"x",
    "headings.md": lambda: b"# a\n" * 300_000,
    "cells.csv": lambda: b"," * 300_000 + b"x",
    "columns.csv": lambda: b",".join(b"c%d" % n for n in range(MANY)) + b"\n1,2\n",
    "a title.html": lambda: b"<html><title>" + b"a_<b>" * 50_000 + b" x</title><p>x",
    "depth.html": lambda: b"<html>" + b"<div>" * 50_000 + b"x",
    "nested.txt": lambda: b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("name", SLOW_ONCE)
async def test_text_that_makes_readers_slow_takes_seconds(name: str, tmp_path: Path) -> None:
    limits = ParserLimits(cpu_seconds=10)
    outcome = await outcome_in_time(tmp_path, name, SLOW_ONCE[name](), limits, {READY})
    assert outcome.code == READY


@pytest.mark.parametrize(
    "charset",
    ["zlib_codec", "bz2", "idna", "undefined", "rot13", "unicode_escape", "utf-7", "none"],
)
async def test_a_page_cannot_choose_a_codec_that_is_no_encoding(
    charset: str, tmp_path: Path
) -> None:
    page = f"<html><meta charset={charset}><p>caf\xe9 Kept \\ud800 +ADw-b+AD4-".encode("latin-1")
    outcome = await outcome_of(tmp_path, "a.html", page)
    assert outcome.code == READY
    assert outcome.said.endswith("Kept \\ud800 +ADw-b+AD4-")


async def test_nothing_that_a_file_points_to_is_fetched(tmp_path: Path) -> None:
    with listener() as (server, address):
        page = (
            f"<html><link rel=stylesheet href={address}><img src={address}><iframe src={address}>"
            f"</iframe><script src={address}></script><p>Kept <a href='javascript:x()'>link</a>"
        )
        files = {
            "a.html": page.encode(),
            "a.md": f"Kept ![x]({address}) [y](javascript:alert(1)) <script>x</script>".encode(),
            "a.pdf": with_actions(address),
            "a.docx": docx_with_things_outside(address),
        }
        for name, content in files.items():
            outcome = await outcome_of(tmp_path, name, content)
            assert outcome.code == READY
            assert "Kept" in outcome.said
            assert "root:" not in outcome.said
        assert count_callers(server) == 0
    sys.stdout.write(f"{len(files)} files that point elsewhere: 0 connections\n")


async def test_markdown_stays_the_text_that_it_is(tmp_path: Path) -> None:
    source = "# T\n<script>alert(1)</script> [x](javascript:alert(1))"
    assert (await outcome_of(tmp_path, "a.md", source.encode())).said == source
    page = f"<html><body>{source.replace('# T', '<h1>T</h1>')}</body></html>"
    assert "alert(1)</script>" not in (await outcome_of(tmp_path, "a.html", page.encode())).said
