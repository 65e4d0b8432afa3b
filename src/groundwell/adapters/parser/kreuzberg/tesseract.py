"""Finding the language data that OCR needs.

kreuzberg carries the Tesseract engine; what must be installed is its data, which comes with the
system's package.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_NOT_LANGUAGES = frozenset({"osd", "equ"})
_FOLDERS = ("share/tessdata", "share/tesseract-ocr/*/tessdata")
_DEFAULT_LANGUAGE = "eng"


@dataclass(frozen=True, slots=True)
class Tesseract:
    """Installed language data: its folder and the languages to read, like `eng` or `deu+eng`."""

    data_folder: Path
    language: str


def find_tesseract(language: str = "") -> Tesseract | None:
    """Return Tesseract's data for `language`; None when it is not installed.

    Without a `language` English is chosen, or else the first language that is there.
    """
    for folder in _list_folders():
        installed = {file.stem for file in folder.glob("*.traineddata")} - _NOT_LANGUAGES
        if not installed:
            continue
        if language and not set(language.split("+")) <= installed:
            continue
        default = _DEFAULT_LANGUAGE if _DEFAULT_LANGUAGE in installed else min(installed)
        return Tesseract(folder, language or default)
    return None


def _list_folders() -> list[Path]:
    prefixes = [Path("/usr"), Path("/usr/local"), Path("/opt/homebrew")]
    if program := shutil.which("tesseract"):
        prefixes.insert(0, Path(program).parent.parent)
    folders = [
        folder for prefix in prefixes for pattern in _FOLDERS for folder in prefix.glob(pattern)
    ]
    if named := os.environ.get("TESSDATA_PREFIX"):
        folders.insert(0, Path(named))
    return folders
