"""Office files: bombs of every build, entities, things that are elsewhere."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from tests.security.hostile_office import (
    cell,
    docx_with_entities,
    docx_with_things_outside,
    entities,
    make_pptx,
    make_xlsx,
    nested,
    overlapping,
    packed_by,
    said_to_be_encrypted,
    shape,
)
from tests.security.outcomes import (
    READY,
    count_callers,
    listener,
    outcome_in_time,
    outcome_of,
)
from tests.unit.adapters.parser.sample_files import make_docx, make_paragraph

from groundwell.adapters.parser.kreuzberg.archive import refuse_bomb
from groundwell.adapters.parser.kreuzberg.parser import ParserLimits
from groundwell.domain.errors import DocumentError

BOMB = "document_bomb"
X = make_paragraph("x")
NOISE = Random(1).randbytes(200_000)


def lying(told: int) -> bytes:
    """25 MB of zeros that call themselves `told` bytes."""
    whole = make_docx(X, **{"word/zeros.bin": bytes(25_000_000)})
    return whole.replace((25_000_000).to_bytes(4, "little"), told.to_bytes(4, "little"))


def deep(tag: str, levels: int, inner: str) -> str:
    return f"<{tag}>" * levels + inner + f"</{tag}>" * levels


ARCHIVES: dict[str, tuple[str, Callable[[], bytes], set[str]]] = {
    "ratio": ("docx", lambda: make_docx(X, **{"word/zeros.bin": bytes(30_000_000)}), {BOMB}),
    "sum": (
        "docx",
        lambda: make_docx(X, **{f"word/{n}.bin": NOISE + bytes(19_000_000) for n in range(12)}),
        {BOMB},
    ),
    "entries": (
        "docx",
        lambda: make_docx(X, **{f"word/{n}.xml": b"" for n in range(2_001)}),
        {BOMB},
    ),
    "says less": ("docx", lambda: lying(1_000), {BOMB}),
    "says more": ("docx", lambda: lying(26_000_000), {BOMB}),
    "says a little less": (
        "docx",
        lambda: make_docx(X, **{"word/n.bin": NOISE}).replace(
            (200_000).to_bytes(4, "little"), (100_000).to_bytes(4, "little")
        ),
        {"corrupt"},
    ),
    "overlapping": ("docx", lambda: overlapping(500, 1_000_000), {BOMB}),
    "bzip2": ("docx", lambda: packed_by(zipfile.ZIP_BZIP2, 50_000_000), {BOMB}),
    "lzma": ("docx", lambda: packed_by(zipfile.ZIP_LZMA, 50_000_000), {BOMB}),
    "encrypted": ("docx", said_to_be_encrypted, {"encrypted"}),
    "deep": ("docx", lambda: make_docx(deep("w:sdt", 100_000, X)), {READY, BOMB, "parser_crashed"}),
    "deep slide": (
        "pptx",
        lambda: make_pptx(deep("p:grpSp", 50_000, shape("x"))),
        {READY, BOMB, "parser_crashed"},
    ),
    "wide cell": (
        "docx",
        lambda: make_docx(
            '<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr>'
            f"{X}</w:tc></w:tr></w:tbl>"
        ),
        {READY, BOMB},
    ),
    "far cell": (
        "xlsx",
        lambda: make_xlsx(
            f'<row r="1">{cell("A1", "x")}</row><row r="1048576">{cell("XFD1048576", "y")}</row>'
        ),
        {READY, BOMB},
    ),
    "one string many times": (
        "xlsx",
        lambda: make_xlsx(
            "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 10_000)),
            shared=f"<si><t>{'lorem ipsum ' * 8_000}</t></si>",
        ),
        {BOMB},
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
async def test_an_archive_that_is_made_to_hurt_is_stopped(name: str, tmp_path: Path) -> None:
    suffix, make, codes = ARCHIVES[name]
    limits = ParserLimits(memory_bytes=512 << 20, cpu_seconds=20)
    outcome = await outcome_in_time(tmp_path, f"a.{suffix}", make(), limits, codes)
    assert outcome.code in codes, outcome


@pytest.mark.parametrize("levels", [1, 50])
async def test_archives_within_archives_are_never_opened(levels: int, tmp_path: Path) -> None:
    outcome = await outcome_of(tmp_path, "a.docx", nested(levels))
    assert (outcome.code, outcome.said) == (READY, "x")


def test_a_bomb_is_counted_piece_by_piece_and_never_held(tmp_path: Path) -> None:
    tracemalloc = pytest.importorskip("tracemalloc")
    path = tmp_path / "bomb"
    path.write_bytes(make_docx(X, **{"word/zeros.bin": bytes(150_000_000)}))
    tracemalloc.start()
    with pytest.raises(DocumentError) as caught:
        refuse_bomb(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    sys.stdout.write(f"counting a bomb of 150 MB held {peak / 1e6:.1f} MB\n")
    assert caught.value.code == BOMB
    assert peak < 5_000_000


async def test_entities_are_neither_expanded_nor_fetched(tmp_path: Path) -> None:
    with listener() as (server, address):
        before = entities(address)
        row = f'<row r="1">{cell("A1", "Kept &l8;&file;&remote;")}</row>'
        files = {
            "a.docx": docx_with_entities(address),
            "a.xlsx": make_xlsx(row, before=before),
            "a.pptx": make_pptx(shape("Kept &l8;&file;&remote;"), before=before),
        }
        for name, content in files.items():
            outcome = await outcome_of(tmp_path, name, content)
            assert outcome.code in (READY, "corrupt", "no_text"), outcome
            assert "root:" not in outcome.said
            assert "hahaha" not in outcome.said
        assert count_callers(server) == 0


async def test_what_an_office_file_has_elsewhere_stays_there(tmp_path: Path) -> None:
    with listener() as (server, address):
        outcome = await outcome_of(tmp_path, "a.docx", docx_with_things_outside(address))
        assert count_callers(server) == 0
    assert (outcome.code, outcome.said) == (READY, "Kept")
    assert not list(tmp_path.parent.rglob("passwd"))


async def test_of_two_parts_of_one_name_both_are_counted(tmp_path: Path) -> None:
    whole = make_docx(X)
    path = tmp_path / "twins.docx"
    path.write_bytes(whole)
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr("word/document.xml", bytes(30_000_000))
    assert (await outcome_of(tmp_path, "a.docx", path.read_bytes())).code == BOMB
