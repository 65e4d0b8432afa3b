"""The parser: one child process per document, killed when it takes too much of anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from groundwell.adapters.parser.kreuzberg.reading import Outcome, Reading, Task
from groundwell.adapters.parser.kreuzberg.scratch import bounded, folder_of_child
from groundwell.adapters.parser.kreuzberg.tesseract import Tesseract
from groundwell.domain.documents import ParsedDocument
from groundwell.domain.errors import DocumentError

_NAME = "kreuzberg"
_MAX_STDERR_BYTES = 1 << 16
_BYTES_PER_CHARACTER = 4
_MAX_SPAN_BYTES = 64 << 20
_MAX_LISTED_PAGES = 20
_PIECE_BYTES = 1 << 18
# -I keeps out PYTHON* variables and the working folder; the child gets the parent's import path.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from groundwell.adapters.parser.kreuzberg.child import main; main()"
)
_OUT_OF_MEMORY = (
    b"memory allocation of",
    b"bad_alloc",
    b"cannot catch foreign exceptions",
    b"MemoryError",
    b"cannot allocate",
)
_HOW_TO_GET_OCR = (
    "install Tesseract (apt install tesseract-ocr, or brew install tesseract) and ingest the "
    "file again"
)
# All else that the child says may quote the file.
_SANDBOX = re.compile(rb"^sandbox: ([ -~]{1,200})$", re.MULTILINE)
_outcome = TypeAdapter(Outcome)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ParserLimits:
    """What one document may cost. OCR, which is slow and large, has its own limits."""

    memory_bytes: int = 1 << 30
    cpu_seconds: int = 60
    wall_seconds: float = 60.0
    max_characters: int = 50_000_000
    scratch_bytes: int = 512 << 20
    ocr_memory_bytes: int = 2 << 30
    ocr_seconds: float = 300.0


class KreuzbergParser:
    """Parses with kreuzberg inside a sandboxed child; scanned pages with Tesseract if given.

    `command` starts the child and reads a task from standard input. Children write in `scratch`.
    """

    def __init__(
        self,
        limits: ParserLimits = ParserLimits(),
        tesseract: Tesseract | None = None,
        command: Sequence[str] | None = None,
        scratch: Path | None = None,
    ) -> None:
        self._limits = limits
        self._tesseract = tesseract
        self._scratch = scratch
        self._has_reported_gaps = False
        self._command = command or (sys.executable, "-I", "-c", _PROGRAM, *_import_path())

    async def parse(self, path: Path, filename: str, media_type: str) -> ParsedDocument:
        """Parse the file at `path`. Cancelling kills the child. Raises DocumentError."""
        reading = await self._read(path, media_type, self._limits.wall_seconds, None)
        warnings = list(reading.warnings)
        if reading.unread_pages and self._tesseract is not None:
            reading = await self._read_scan(path, media_type, reading, warnings)
        if not reading.text:
            raise _no_text(filename, reading, has_ocr=self._tesseract is not None)
        if reading.unread_pages:
            warnings.append(_describe_unread(reading.unread_pages, self._tesseract is not None))
        return ParsedDocument(
            text=reading.text,
            media_type=media_type,
            parser=_NAME,
            pages=reading.pages,
            headings=reading.headings,
            title=reading.title,
            warnings=tuple(warnings),
        )

    async def _read_scan(
        self, path: Path, media_type: str, first: Reading, warnings: list[str]
    ) -> Reading:
        """Read again with OCR; when that fails, what the text layer gave still counts."""
        try:
            return await self._read(path, media_type, self._limits.ocr_seconds, self._tesseract)
        except DocumentError as error:
            if not first.text:
                raise
            warnings.append(f"Text recognition failed: {error.detail}")
            return first

    async def _read(
        self, path: Path, media_type: str, seconds: float, tesseract: Tesseract | None
    ) -> Reading:
        limits = self._limits
        task = Task(
            path=str(await asyncio.to_thread(path.resolve)),
            media_type=media_type,
            memory_bytes=limits.ocr_memory_bytes if tesseract else limits.memory_bytes,
            cpu_seconds=round(seconds) if tesseract else limits.cpu_seconds,
            max_characters=limits.max_characters,
            ocr_language=tesseract.language if tesseract else None,
            # The rest of the time is for the page that is being read and for the way back.
            ocr_seconds=0.8 * seconds,
        )
        async with folder_of_child(self._scratch) as folder:
            answer = await self._run_child(task, seconds, folder, tesseract)
        return await asyncio.to_thread(_check, answer)

    async def _run_child(
        self, task: Task, seconds: float, folder: str, tesseract: Tesseract | None
    ) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=_make_environment(folder, tesseract),
            start_new_session=True,
        )
        max_bytes = _BYTES_PER_CHARACTER * task.max_characters + _MAX_SPAN_BYTES
        async with bounded(process, folder, self._limits.scratch_bytes):
            try:
                async with asyncio.timeout(seconds):
                    answer, complaint = await _talk(process, orjson.dumps(task), max_bytes)
                    status = await process.wait()
            except TimeoutError as error:
                raise _timeout(seconds) from error
            finally:
                await _kill(process)
            if status != 0:
                raise _explain_death(status, complaint, task.cpu_seconds)
        self._report_gaps(complaint)
        return answer

    def _report_gaps(self, complaint: bytes) -> None:
        """Log once what the sandbox lacks on this system: it is the same for every document."""
        missing = _SANDBOX.findall(complaint)
        if missing and not self._has_reported_gaps:
            self._has_reported_gaps = True
            _log.warning("the parser's sandbox lacks %s", b", ".join(missing).decode())


async def _talk(
    process: asyncio.subprocess.Process, task: bytes, max_bytes: int
) -> tuple[bytes, bytes]:
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise RuntimeError("the child was started without pipes")
    complaint = asyncio.create_task(_read_start(stderr))
    try:
        stdin.write(task)
        stdin.close()
        pieces = bytearray()
        while piece := await stdout.read(_PIECE_BYTES):
            pieces += piece
            if len(pieces) > max_bytes:
                raise DocumentError(
                    "The document holds far too much text. Split it.", code="document_bomb"
                )
        return bytes(pieces), await complaint
    finally:
        complaint.cancel()


async def _read_start(stream: asyncio.StreamReader) -> bytes:
    """Drain `stream`, so that its writer never waits, and return how it began."""
    kept = bytearray()
    while piece := await stream.read(_PIECE_BYTES):
        kept += piece[: _MAX_STDERR_BYTES - len(kept)]
    return bytes(kept)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill the child's whole group and take its status, so that no zombie stays."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _check(answer: bytes) -> Reading:
    """Believe nothing that comes out of the child before it has the right shape."""
    try:
        outcome = _outcome.validate_json(answer)
    except ValidationError as error:
        raise _crash() from error
    if outcome.refusal is not None:
        raise DocumentError(outcome.refusal.detail, code=outcome.refusal.code)
    reading = outcome.reading
    if reading is None or "\x00" in reading.text or not _spans_fit(reading):
        raise _crash()
    return reading


def _spans_fit(reading: Reading) -> bool:
    for spans in (reading.pages, reading.headings):
        end = 0
        for span in spans:
            if not end <= span.char_start < span.char_end:
                return False
            end = span.char_end
        if end > len(reading.text):
            return False
    return True


def _make_environment(folder: str, tesseract: Tesseract | None) -> dict[str, str]:
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": folder,
        "TMPDIR": folder,
        "OMP_THREAD_LIMIT": "1",
    }
    if tesseract is not None:
        environment["TESSDATA_PREFIX"] = str(tesseract.data_folder)
    return environment


def _import_path() -> list[str]:
    return [entry for entry in sys.path if entry]


def _explain_death(status: int, complaint: bytes, cpu_seconds: int) -> DocumentError:
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return _timeout(cpu_seconds)
    # The native parsers abort without a word when they meet the memory limit.
    is_silent_abort = status == -signal.SIGABRT and not complaint
    if is_silent_abort or any(sign in complaint for sign in _OUT_OF_MEMORY):
        return DocumentError(
            "Reading the file takes more memory than a document may use. Split it.",
            code="document_bomb",
        )
    # What it complained of is not told: it may quote the file.
    _log.warning("the parser died with status %d and %d bytes of complaint", status, len(complaint))
    return _crash()


def _crash() -> DocumentError:
    return DocumentError(
        "The parser broke down on this file. Save it again with the program that made it, or "
        "convert it to another format.",
        code="parser_crashed",
    )


def _timeout(seconds: float) -> DocumentError:
    return DocumentError(
        f"Reading the file took longer than {seconds:.0f} seconds. Split it.",
        code="parser_timeout",
    )


def _no_text(filename: str, reading: Reading, *, has_ocr: bool) -> DocumentError:
    if not reading.unread_pages:
        detail = f"There is no text in {filename}."
    elif has_ocr:
        detail = f"{filename} seems to be a scan, and text recognition found no text in it."
    else:
        detail = (
            f"{filename} seems to be a scan: its pages are pictures without text. To read it, "
            f"{_HOW_TO_GET_OCR}."
        )
    return DocumentError(detail, code="no_text")


def _describe_unread(pages: Sequence[int], has_ocr: bool) -> str:
    shown = ", ".join(map(str, pages[:_MAX_LISTED_PAGES]))
    if len(pages) > _MAX_LISTED_PAGES:
        shown += f" and {len(pages) - _MAX_LISTED_PAGES} more"
    advice = "" if has_ocr else f" If they are scans, {_HOW_TO_GET_OCR}."
    return f"No text on page {shown}.{advice}"
