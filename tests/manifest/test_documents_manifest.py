"""Real files of every type, when the collection of documents lies beside the repository."""

import csv
from pathlib import Path

import pytest

from groundwell.adapters.parser.detect import detect_file
from groundwell.adapters.parser.kreuzberg.parser import KreuzbergParser
from groundwell.adapters.parser.kreuzberg.tesseract import find_tesseract
from groundwell.domain.errors import DocumentError

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "documents"
MANIFEST = FOLDER / "MANIFEST.tsv"
CODES = {
    "corrupt": {"corrupt", "empty_file"},
    "password": {"encrypted"},
    "empty": {"empty_file"},
    "ocr-needed": {"no_text"},
}


def list_rows() -> list[dict[str, str]]:
    if not MANIFEST.exists():
        return []
    with MANIFEST.open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row for row in rows if row["expected"] != "reference"]


ROWS = list_rows()
pytestmark = pytest.mark.skipif(not ROWS, reason=f"there are no documents in {FOLDER}")


async def parse(filename: str, parser: KreuzbergParser):
    path = FOLDER / filename
    return await parser.parse(path, filename, await detect_file(path, filename))


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
async def test_document_behaves_as_its_manifest_says(row: dict[str, str]):
    if row["expected"] == "ok":
        document = await parse(row["file"], KreuzbergParser())
        assert " ".join(row["must_contain"].split()) in " ".join(document.text.split())
        return
    with pytest.raises(DocumentError) as caught:
        await parse(row["file"], KreuzbergParser())
    assert caught.value.code in CODES[row["expected"]]


@pytest.mark.skipif(find_tesseract() is None, reason="Tesseract's data is not installed")
@pytest.mark.parametrize("row", [row for row in ROWS if row["expected"] == "ocr-needed"])
async def test_scan_gives_text_when_tesseract_is_installed(row: dict[str, str]):
    document = await parse(row["file"], KreuzbergParser(tesseract=find_tesseract()))
    assert len(document.text) > 50
    assert document.pages
