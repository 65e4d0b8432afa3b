"""The same for a server of processes: what it writes, and what anybody on the machine can list."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from tests.conftest import fresh_database
from tests.e2e.running import RunningServer, processes_of, running, wait_until_indexed
from tests.security.canaries import Canaries
from tests.seeds import IS_LONG

from groundwell.cli.log_lines import FIELDS
from groundwell.store.embedded import EmbeddedPostgres

KNOWN_KEYS = {
    "time",
    "level",
    "logger",
    "event",
    "request_id",
    "tenant",
    "user",
    "job",
    "exception",
}
FORMATS = ("json", "text") if IS_LONG else ("json",)


class _Parrot(BaseHTTPRequestHandler):
    """A provider that fails and repeats everything that it was told."""

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        body = str(self.headers).encode() + self.rfile.read(length)
        self.send_response(500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def parrot() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Parrot) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def use(server: RunningServer, canaries: Canaries) -> None:
    """Documents, questions, and everything wrong with them."""
    with server.client() as client:
        text = f"The {canaries['document']} eats herons at night."
        client.post("/documents/batch", json=[{"id": "a", "text": text}])
        files = {"file": (f"{canaries['file name']}.pdf", b"%PDF-1.7 " + text.encode())}
        client.post("/documents", files=files)
        wait_until_indexed(client)
        query = f"What eats herons, {canaries['query']}?"
        for path in ("/api/v1/search", "/api/v1/ask", "/query"):
            client.post(path, json={"query": query, "collection": "default"})
            client.post(path, json={"query": query, "limit": "many", "passages": canaries["query"]})
        wrong = {"Authorization": f"Bearer {canaries['password']}", "User-Agent": "\x1b[31m"}
        client.get("/documents", headers=wrong)
        for address in ("/metrics", "/api/v1/audit", "/documents", "/api/v1/jobs"):
            answer = client.get(address, params={"q": canaries["query"]})
            shown = answer.text.replace(canaries["file name"], "")
            canaries.search(address, shown if answer.status_code == 200 else answer.text)


@pytest.mark.slow
@pytest.mark.parametrize("log_format", FORMATS)
def test_no_canary_is_found_in_what_processes_write_and_are_called(
    tmp_path: Path, postgres: EmbeddedPostgres, log_format: str
) -> None:
    canaries = Canaries()
    with fresh_database(postgres) as url, parrot() as provider:
        variables = {
            "DATABASE_URL": url.replace("postgres:@", f"postgres:{canaries['password']}@"),
            "GROUNDWELL_SECRET_KEY": canaries["secret key"] * 2,
            "GROUNDWELL_AUTH": "gateway",
            "GROUNDWELL_GATEWAY_SECRET": canaries["gateway secret"] * 2,
            "GROUNDWELL_LLM_MODEL": "small",
            "GROUNDWELL_LLM_BASE_URL": provider,
            "OPENAI_API_KEY": canaries["provider key"],
            "GROUNDWELL_LOG_LEVEL": "debug",
            "GROUNDWELL_LOG_FORMAT": log_format,
        }
        assert canaries["password"] in variables["DATABASE_URL"]
        with running(tmp_path / "data", **variables) as server:
            canaries.add("owner key", server.key.split("_")[2])
            use(server, canaries)
            processes = [*processes_of(tmp_path / "data"), psutil.Process(server.process.pid)]
            for process in processes:
                # One that serves a connection may just have ended.
                with suppress(psutil.NoSuchProcess):
                    shown = [process.name(), *process.cmdline()]
                    canaries.search("command line", " ".join(shown))
            server.stop()
            said = server.said.read_text()
    canaries.search("log", said)
    if log_format == "json":
        lines = [json.loads(line) for line in said.splitlines()]
        assert all(set(line) <= KNOWN_KEYS | set(FIELDS) for line in lines)
        requests = {line["request_id"] for line in lines if line["event"] == "request"}
        # Those that look after everything come by themselves.
        own = (None, "forget_audit", "forget_token_use", "sweep_cache", "reconcile")
        jobs = [line for line in lines if line.get("job_kind") not in own]
        assert jobs
        assert {line["request_id"] for line in jobs} <= requests
    assert len(processes) > 2
    assert "\x1b[31m" not in said
    sys.stdout.write(f"processes, {log_format}: {canaries.verdict()}")
    assert canaries.hits == []
