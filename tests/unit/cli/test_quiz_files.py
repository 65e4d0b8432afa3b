"""Files that a quiz is made of, on a server that is not theirs: they do not stay there."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import typer

from groundwell.cli.quiz import quiz

COUNTS = {"pending": 0, "indexing": 0}


@dataclass
class Library:
    """A server that takes files, and tells what was asked of it."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    # What comes meanwhile, by what is asked.
    signals: dict[str, signal.Signals] = field(default_factory=dict)
    refuses_files: bool = False

    def answer(self, method: str, path: str) -> tuple[int, object]:
        name = f"{method} {path.partition('?')[0].removeprefix('/api/v1')}"
        self.asked.append(name)
        if signal_now := self.signals.get(name.partition("/quiz-")[0]):
            os.kill(os.getpid(), signal_now)
        if name == "POST /documents" and self.refuses_files:
            return 422, {"code": "empty_file", "detail": "The file is empty."}
        if name == "POST /documents":
            return 202, {"document_id": "a", "is_new_work": True}
        return 200, {"counts": COUNTS, "documents": [], "next_cursor": None, "questions": []}


@pytest.fixture
def library() -> Iterator[Library]:
    library = Library()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            library.bodies.append(self.rfile.read(length))
            status, body = library.answer(self.command, self.path)
            sent = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    library.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield library
    server.shutdown()
    server.server_close()


def ask(library: Library, folder: Path) -> None:
    key, file = folder / "key", folder / "air.md"
    key.write_text("gw_key")
    file.write_text("Air has weight.")
    quiz([file], url=library.url, key_file=key, topic=None, count=1, mode="quiz", seed=0,
         collection=None, data_dir=None)  # fmt: skip


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("at", ["POST /documents", "POST /questions/generate"])
def test_files_are_forgotten_when_a_signal_ends_the_quiz(
    library: Library, tmp_path: Path, ending: signal.Signals, at: str
):
    # Another signal comes while they are being forgotten.
    library.signals = {at: ending, "DELETE /collections": signal.SIGTERM}
    handlers = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)]
    with pytest.raises(SystemExit) as ended:
        ask(library, tmp_path)
    assert ended.value.code == 128 + ending
    assert library.asked[-2] == at
    assert library.asked[-1].startswith("DELETE /collections/quiz-")
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)] == handlers


def test_files_are_private_while_they_are_asked_about(library: Library, tmp_path: Path):
    library.signals = {"POST /questions/generate": signal.SIGTERM}
    with pytest.raises(SystemExit):
        ask(library, tmp_path)
    [sent] = [body for body in library.bodies if b"Air has weight." in body]
    assert b'name="visibility"\r\n\r\nprivate\r\n' in sent


def test_a_quiz_of_which_no_file_was_read_fails(
    library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    library.refuses_files = True
    with pytest.raises(typer.Exit) as ended:
        ask(library, tmp_path)
    assert ended.value.exit_code == 1
    assert "The file is empty." in capsys.readouterr().err
    assert library.asked[-1].startswith("DELETE /collections/quiz-")
