"""Names, agents and ids that want to be lines of the log, or commands of a terminal."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from tests.apps.problems import problem_in
from tests.conftest import Tenant, finished, upload

from groundwell.cli.logs import make_handler

HOSTILE_IDS = (
    "a b",
    "a\x1b[31mb",
    'x", "level": "critical',
    "{0}%n%s",
    "../../etc",
    "x" * 65,
    "ünïcode",
    "",
)


@pytest.fixture
def log() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    streams = (io.StringIO(), io.StringIO())
    handlers = [make_handler("json", streams[0]), make_handler("text", streams[1])]
    own = logging.getLogger("groundwell")
    level = own.level
    own.setLevel(logging.DEBUG)
    for handler in handlers:
        own.addHandler(handler)
    yield streams
    for handler in handlers:
        own.removeHandler(handler)
    own.setLevel(level)


@pytest.mark.parametrize("identity", HOSTILE_IDS)
async def test_an_id_of_another_form_is_replaced(tenant: Tenant, identity: str) -> None:
    headers = [(b"X-Request-ID", identity.encode())]
    problem = problem_in(await tenant.http.get("/api/v1/documents/none", headers=headers), 404)
    assert re.fullmatch(r"[0-9a-f]{32}", problem["instance"])


async def test_a_good_id_goes_into_answer_problem_and_log(
    tenant: Tenant, log: tuple[io.StringIO, io.StringIO]
) -> None:
    headers = {"X-Request-ID": "Trace-0123"}
    problem = problem_in(await tenant.http.get("/api/v1/documents/none", headers=headers), 404)
    assert problem["instance"] == "Trace-0123"
    lines = [json.loads(one) for one in log[0].getvalue().splitlines()]
    # Jobs of other tests may have their say meanwhile.
    (line,) = (line for line in lines if line.get("request_id") == "Trace-0123")
    assert line["tenant"] == str(tenant.id)
    assert line["user"] == str(tenant.user)
    assert (line["method"], line["status"], line["code"]) == ("GET", 404, "document_not_found")
    assert line["route"] == "/api/v1/documents/{document_id}"
    assert line["duration_ms"] > 0


async def test_hostile_names_and_agents_make_no_lines_of_their_own(
    tenant: Tenant, log: tuple[io.StringIO, io.StringIO]
) -> None:
    hostile = "a\r\nb\x1b[31m\x9b\u2028\u202e{0}%n"
    for name in (f"{hostile}.txt", f"{hostile}.pdf"):
        answer = await upload(tenant, name, b"%PDF-1.7 torn" if "pdf" in name else b"Some text.")
        if answer.status_code == 202:
            await finished(tenant, answer.json()["document_id"])
    agent = [(b"User-Agent", b"curl\x1b[2J\x9b31m"), (b"X-Request-ID", b"x\x1b[31m")]
    await tenant.http.get("/api/v1/documents", headers=agent)
    await tenant.http.get(f"/api/v1/documents/{quote(hostile, safe='')}")
    await tenant.http.put(
        "/api/v1/collections/default/synonyms", json={"entries": {hostile[:3]: [hostile]}}
    )
    lines, text = (stream.getvalue() for stream in log)
    for line in lines.splitlines():
        json.loads(line)
    marks = set(lines.replace("\n", "")) | set(text.replace("\n", ""))
    bad = [mark for mark in marks if not mark.isprintable()]
    sys.stdout.write(
        f"{len(lines.splitlines()) + len(text.splitlines())} lines, {len(bad)} unescaped marks\n"
    )
    assert bad == []
    assert len(lines.splitlines()) >= 5
