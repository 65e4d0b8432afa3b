"""A PDF that names a file of the attacker's as its character map, which a reader might unpickle.

The attack of CVE-2025-64512 on pdfminer.six: the name of a predefined map becomes a path, to which
the reader adds `.pickle.gz`. The file itself may come as another upload, or lie in a shared folder.
"""

from __future__ import annotations

import ast
import gzip
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.security.hostile_pdf import page_that_draws, stream
from tests.security.outcomes import outcome_of
from tests.security.seed import tell

SOURCES = Path(__file__).parents[2] / "src" / "groundwell"
# What reads objects back that may run code while they are read.
REVIVERS = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}


class Canary:
    """An object that makes a file when it is read back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)


def as_name(path: str) -> bytes:
    """The path as a name of PDF: what would end a name is written in hexadecimal."""
    return b"".join(b"%c" % c if chr(c).isalnum() else b"#%02X" % c for c in path.encode())


def pdf_with_map(path: str) -> bytes:
    """A page whose font takes its characters from the map of that name, in every way there is."""
    name = as_name(path)
    fonts = b"/Font << /F1 << /Type /Font /Subtype /Type0 /BaseFont /Kept /Encoding /%s " % name
    fonts += b"/ToUnicode /%s /DescendantFonts [5 0 R] >> >>" % name
    descendant = (
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /Kept /CIDSystemInfo << "
        b"/Registry (%s) /Ordering (%s) /Supplement 0 >> /FontDescriptor << /Type "
        b"/FontDescriptor /FontName /Kept /Flags 4 >> /CIDToGIDMap /%s >>"
    ) % (path.encode(), path.encode(), name)
    uses = stream(b"/%s usecmap" % name, b"/Type /CMap /CMapName /X /UseCMap /%s" % name)
    return page_that_draws(b"BT /F1 12 Tf 72 720 Td (words) Tj ET", fonts, (descendant, uses))


@pytest.fixture
def trap(tmp_path: Path) -> tuple[Path, Path]:
    """A pickle under every name that a reader may look for, and the file that it would make."""
    canary, trap = tmp_path / "canary", tmp_path / "trap"
    content = pickle.dumps(Canary(canary))
    for suffix in ("", ".pickle", ".pkl"):
        trap.with_suffix(suffix).write_bytes(content)
        Path(f"{trap}{suffix}.gz").write_bytes(gzip.compress(content))
    return trap, canary


def test_the_trap_would_work(trap: tuple[Path, Path]) -> None:
    path, canary = trap
    program = f"import gzip, pickle; pickle.load(gzip.open({str(path) + '.pickle.gz'!r}))"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert canary.exists()


async def test_a_character_map_never_names_a_file(trap: tuple[Path, Path], tmp_path: Path) -> None:
    path, canary = trap
    folder = tmp_path / "documents"
    folder.mkdir()
    for end in ("", ".pickle.gz"):
        shutil.copy(f"{path}{end}", folder / f"trap{end}")
    paths = (str(path), f"{path}.pickle.gz", "../trap", "trap", f"/proc/self/cwd/{path.name}")
    codes = [(await outcome_of(folder, "a.pdf", pdf_with_map(name))).code for name in paths]
    assert not canary.exists()
    tell(f"{len(paths)} PDFs whose character map is a pickle: {codes}, no canary file")


def test_nothing_of_the_product_reads_pickles() -> None:
    found = [
        f"{file.name}:{node.lineno}"
        for file in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [*(alias.name for alias in node.names), getattr(node, "module", None) or ""]
        if name.partition(".")[0] in REVIVERS
    ]
    assert found == []
