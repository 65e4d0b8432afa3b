"""The program of the parsing child: one task on standard input, one outcome on standard output."""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import orjson

from groundwell.adapters.parser.kreuzberg.reading import Outcome, Reading, Refusal, Task
from groundwell.adapters.parser.kreuzberg.sandbox import enter_sandbox
from groundwell.domain.errors import DocumentError
from groundwell.domain.media_types import MediaType

_OFFICE = "groundwell.adapters.parser.kreuzberg.office"
_PLAIN_TEXT = "groundwell.adapters.parser.kreuzberg.plain_text"
_READERS = {
    MediaType.PDF: "groundwell.adapters.parser.kreuzberg.pdf",
    MediaType.DOCX: _OFFICE,
    MediaType.PPTX: _OFFICE,
    MediaType.XLSX: _OFFICE,
    MediaType.HTML: "groundwell.adapters.parser.kreuzberg.web_page",
    MediaType.MARKDOWN: _PLAIN_TEXT,
    MediaType.CSV: _PLAIN_TEXT,
    MediaType.TXT: _PLAIN_TEXT,
}

_PACKAGES = ("charset_normalizer", "groundwell", "kreuzberg")
# Where PDFium looks for letters that a PDF names and does not bring along.
_FONTS = (
    "/usr/share/fonts",
    "/usr/share/X11/fonts/Type1",
    "/usr/share/X11/fonts/TTF",
    "/usr/local/share/fonts",
)


def main() -> None:
    """Read one file inside the sandbox. Anything unforeseen ends the process, not in an outcome."""
    task = Task(**orjson.loads(sys.stdin.buffer.read()))
    # Imported before the files are out of reach, and only what the type needs: text needs none of
    # the 80 MB library.
    module = import_module(_READERS[MediaType(task.media_type)])
    read: Callable[[Task], Reading] = module.read
    missing = enter_sandbox(
        task.memory_bytes,
        task.cpu_seconds,
        readable=[Path(task.path), *map(Path, (*_list_code(), *_FONTS, *_list_tessdata()))],
        writable=[Path(tempfile.gettempdir())],
    )
    sys.stderr.writelines(f"sandbox: {line}\n" for line in missing)
    sys.stdout.buffer.write(orjson.dumps(_attempt(read, task)))


def _list_code() -> list[str]:
    """Folders of code that is imported only when it is needed, such as that of an encoding."""
    packages = [
        path for name in _PACKAGES if name in sys.modules for path in sys.modules[name].__path__
    ]
    return [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *packages]


def _list_tessdata() -> list[str]:
    return [folder] if (folder := os.environ.get("TESSDATA_PREFIX")) else []


def _attempt(read: Callable[[Task], Reading], task: Task) -> Outcome:
    try:
        return Outcome(reading=read(task))
    except DocumentError as error:
        return Outcome(refusal=Refusal(error.code, error.detail))
    except (MemoryError, RecursionError):
        return Outcome(
            refusal=Refusal(
                "document_bomb",
                "Reading the file takes more memory than a document may use. Split it.",
            )
        )
