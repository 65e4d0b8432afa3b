"""The program of the parsing child: one task on standard input, one outcome on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

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


def main() -> None:
    """Read one file inside the sandbox. Anything unforeseen ends the process, not in an outcome."""
    task = Task(**orjson.loads(sys.stdin.buffer.read()))
    missing = enter_sandbox(task.memory_bytes, task.cpu_seconds)
    sys.stderr.writelines(f"sandbox: {line}\n" for line in missing)
    sys.stdout.buffer.write(orjson.dumps(_attempt(task)))


def _attempt(task: Task) -> Outcome:
    try:
        # Imported late: text needs none of the 80 MB library, and what does runs in the sandbox.
        module = import_module(_READERS[MediaType(task.media_type)])
        read: Callable[[Task], Reading] = module.read
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
