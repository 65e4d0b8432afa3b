"""What becomes of a file: told apart and read as the server does it, without the server."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from groundwell.adapters.parser.detect import detect_file
from groundwell.adapters.parser.kreuzberg.parser import KreuzbergParser, ParserLimits
from groundwell.domain.errors import DocumentError, UnsupportedTypeError

READY = "ready"
MOST_TIMES = 3
_USUAL = ParserLimits()


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is READY, or why the file was refused; `said` is the text or the refusal."""

    code: str
    said: str
    warnings: tuple[str, ...] = ()


async def outcome_of(
    folder: Path, name: str, content: bytes, limits: ParserLimits = _USUAL
) -> Outcome:
    """Try the file. Any refusal without a sentence for people fails the test."""
    path = folder / "stored"
    path.write_bytes(content)
    refusal: DocumentError | UnsupportedTypeError
    try:
        media_type = await detect_file(path, name)
        document = await KreuzbergParser(limits).parse(path, name, media_type)
    except (DocumentError, UnsupportedTypeError) as error:
        refusal = error
    else:
        document.text.encode()
        assert "\0" not in document.text
        return Outcome(READY, document.text, document.warnings)
    assert len(refusal.detail.split()) > 3, refusal.detail
    assert refusal.detail.endswith("."), refusal.detail
    return Outcome(refusal.code, refusal.detail)


async def outcome_in_time(
    folder: Path, name: str, content: bytes, limits: ParserLimits, codes: Collection[str]
) -> Outcome:
    """Try the file, and once more where it took too long though it does not count as such a file.

    The processor time of a machine that is slow for a moment is longer, too.
    """
    for _ in range(MOST_TIMES):
        outcome = await outcome_of(folder, name, content, limits)
        if outcome.code != "parser_timeout" or outcome.code in codes:
            break
    return outcome


@contextmanager
def listener() -> Iterator[tuple[socket.socket, str]]:
    """A socket that waits for somebody to fetch something from its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server, f"http://127.0.0.1:{server.getsockname()[1]}/canary"


def count_callers(server: socket.socket) -> int:
    """How many have connected since the last time."""
    callers = 0
    while True:
        try:
            caller, _ = server.accept()
        except BlockingIOError:
            return callers
        caller.close()
        callers += 1
