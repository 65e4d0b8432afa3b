"""Requests that are too large are refused early, and cost the server next to nothing."""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import orjson
import psutil
import pytest
from fastapi import FastAPI
from tests.apps.loopback import Answer, Loopback, MeasuredConnection, head, on_loopback
from tests.apps.people import server_with
from tests.conftest import Tenant, upload

from groundwell.services import Services

_MEBIBYTE = 1 << 20
_UPLOAD_BYTES = 2 * _MEBIBYTE
JSON = "Content-Type: application/json"
FORM = "Content-Type: multipart/form-data; boundary=b"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture
async def limited(services: Services) -> AsyncIterator[FastAPI]:
    """A server that takes files of two mebibytes."""
    limits = replace(services.limits, upload_bytes=_UPLOAD_BYTES)
    async with server_with(services, limits=limits) as app:
        yield app


@pytest.fixture
async def server(limited: FastAPI) -> AsyncIterator[Loopback]:
    async with on_loopback(limited) as running:
        MeasuredConnection.read_bytes = 0
        yield running


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files of the server go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def open_files_in(folder: Path) -> list[str]:
    """Files of the folder that this process has open, those without a name too."""
    targets = [
        str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()
    ]
    return [target for target in targets if target.startswith(str(folder))]


def report(sentence: str) -> None:
    sys.stdout.write(f"\n{sentence}\n")


def problem_code(answer: Answer) -> str:
    assert b"content-type: application/problem+json" in answer.raw.lower()
    return str(orjson.loads(answer.body)["code"])


async def flood(server: Loopback, start: bytes, piece: bytes, total: int) -> Answer:
    """Send pieces without end, or up to `total` bytes, and read what the server says to it."""
    client = await server.connect()
    reading = asyncio.ensure_future(client.read())
    client.send(start)
    sent = 0
    try:
        while sent < total and not reading.done():
            client.send(piece)
            await client.writer.drain()
            sent += len(piece)
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    answer = await reading
    client.close()
    return answer


@pytest.mark.parametrize("key", [None, "gw_0_0_0"])
async def test_a_request_without_a_good_key_is_answered_before_its_body_is_read(
    server: Loopback, key: str | None
) -> None:
    size = 50 * _MEBIBYTE
    start = head("POST", "/documents", key, FORM, f"Content-Length: {size}")
    answer = await flood(server, start, b"x" * (1 << 16), size)
    assert (answer.status, problem_code(answer)) == (401, "unauthenticated")
    assert b"connection: close" in answer.raw.lower()
    assert MeasuredConnection.read_bytes < 256 << 10
    report(f"401 with a body of 50 MiB: the server read {MeasuredConnection.read_bytes} bytes")


async def test_a_length_over_the_limit_is_refused_at_once(server: Loopback, tenant: Tenant) -> None:
    size = 5 * _MEBIBYTE
    start = head("POST", "/documents", tenant.key, FORM, f"Content-Length: {size}")
    answer = await flood(server, start, b"x" * (1 << 16), size)
    assert (answer.status, problem_code(answer)) == (413, "too_large")
    assert MeasuredConnection.read_bytes < 256 << 10
    report(f"413 by length: the server read {MeasuredConnection.read_bytes} of {size} bytes")


async def test_a_body_without_a_length_is_cut_at_the_limit_and_leaves_no_file(
    server: Loopback, tenant: Tenant, temporary: Path
) -> None:
    first = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    start = head("POST", "/documents", tenant.key, FORM, CHUNKED)
    start += b"%x\r\n%s\r\n" % (len(first), first)
    piece = b"10000\r\n" + b"x" * (1 << 16) + b"\r\n"
    answer = await flood(server, start, piece, 20 * _MEBIBYTE)
    assert (answer.status, problem_code(answer)) == (413, "too_large")
    assert MeasuredConnection.read_bytes < _UPLOAD_BYTES + 3 * _MEBIBYTE
    gc.collect()
    assert open_files_in(temporary) == []
    assert (await tenant.http.get("/documents")).json()["documents"] == []
    report(f"413 while reading: the server read {MeasuredConnection.read_bytes} bytes, limit 3 MiB")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (
            "10,000 parts",
            b"".join(
                b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % n
                for n in range(10_000)
            ),
        ),
        (
            "a text of 2 MiB",
            b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n%s\r\n'
            % (b"x" * (2 * _MEBIBYTE)),
        ),
    ],
)
async def test_a_form_of_too_many_or_too_long_fields_is_refused_within_little_memory(
    server: Loopback, tenant: Tenant, name: str, form: bytes
) -> None:
    form += b"--b--\r\n"
    request = head("POST", "/documents", tenant.key, FORM, f"Content-Length: {len(form)}") + form
    await server.ask(head("GET", "/documents", tenant.key, "Connection: close"))
    before = psutil.Process().memory_info().rss
    for _ in range(5):
        client = await server.connect()
        client.send(request)
        assert (await client.read_head()).startswith(b"HTTP/1.1 400")
        client.close()
    grown = psutil.Process().memory_info().rss - before
    assert grown < 20 * _MEBIBYTE
    report(f"a form with {name}, five times: {grown / _MEBIBYTE:.1f} MiB more memory")


async def test_headers_of_64_kilobytes_are_refused(server: Loopback, tenant: Tenant) -> None:
    answer = await server.ask(
        head("GET", "/documents", tenant.key, "Connection: close", "X-Long: " + "x" * 64_000)
    )
    assert (answer.status, problem_code(answer)) == (431, "headers_too_large")


@pytest.mark.parametrize(
    "ranges",
    [
        ",".join(f"{n}-" for n in range(5000)),
        ",".join(["0-"] * 9000),
        ",".join(f"{n}-{n}" for n in range(2500)),
        "-1," * 9000 + "-1",
        "9999999999999999-",
    ],
    ids=["from everywhere", "all again and again", "every byte", "the last byte", "far behind"],
)
async def test_no_ranges_make_of_a_download_more_than_the_file(
    server: Loopback, tenant: Tenant, ranges: str
) -> None:
    """Thousands of ranges of one file (CVE-2025-62727): the whole file once, or 416."""
    stored = b"A line of a stored text.\n" * 4000
    uploaded = await upload(tenant, "stored.txt", stored, document_id="stored")
    assert uploaded.status_code in (200, 202), uploaded.text
    headers = {"Authorization": f"Bearer {tenant.key}", "Range": f"bytes={ranges}"}
    address = f"http://127.0.0.1:{server.port}/documents/stored/content"
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        # The quickest of three: a worker beside, or a slow machine, only adds to it.
        for _ in range(3):
            begun, busy = time.monotonic(), time.process_time()
            answer = await client.get(address, headers=headers)
            took, busy = time.monotonic() - begun, time.process_time() - busy
            if busy < 1:
                break
    assert answer.status_code in (200, 416)
    assert answer.status_code == 416 or answer.content == stored
    assert answer.num_bytes_downloaded < len(stored) + 4096
    assert busy < 1
    report(
        f"a download with {ranges.count(',') + 1} ranges: {answer.status_code}, "
        f"{answer.num_bytes_downloaded} bytes of a file of {len(stored)}, {took:.2f} s, "
        f"{busy:.2f} s of processor time"
    )


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET /documents HTTP/1.1\r\nX-Long: ", b"x" * 8192),
        (b"GET /documents HTTP/1.1\r\n", b"X: y\r\n" * 1000),
        (b"GET /", b"x" * 8192),
        (b"", b"\r\n" * 4096),
    ],
)
async def test_a_head_without_end_is_cut(server: Loopback, start: bytes, piece: bytes) -> None:
    answer = await flood(server, start, piece, 50 * _MEBIBYTE)
    assert (answer.status, problem_code(answer)) == (431, "headers_too_large")
    assert MeasuredConnection.read_bytes < 256 << 10


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"2;", b"x" * 8192),
        (b"2\r\n{}\r\n0\r\nX-Long: ", b"x" * 8192),
        (b"0\r\n", b"X: y\r\n" * 1000),
    ],
)
async def test_what_stands_around_a_body_without_end_is_cut(
    server: Loopback, tenant: Tenant, start: bytes, piece: bytes
) -> None:
    request = head("POST", "/api/v1/search", tenant.key, JSON, CHUNKED)
    await flood(server, request + start, piece, 50 * _MEBIBYTE)
    assert MeasuredConnection.read_bytes < 256 << 10


async def test_fields_after_a_body_change_nothing(server: Loopback, tenant: Tenant) -> None:
    body = b'14\r\n{"query": "anything"}\r\n0\r\nAuthorization: Bearer other\r\n\r\n'
    body = body.replace(b"14\r\n", b"15\r\n")
    request = head("POST", "/api/v1/search", tenant.key, JSON, CHUNKED, "Connection: close")
    assert (await server.ask(request + body)).status == 200


async def test_what_is_not_http_gets_a_problem_document(server: Loopback) -> None:
    answer = await server.ask(b"\x16\x03\x01 this is TLS, or anything\r\n\r\n")
    assert (answer.status, problem_code(answer)) == (400, "bad_request")


async def test_requests_without_end_in_one_breath_are_cut(server: Loopback) -> None:
    client = await server.connect()
    client.send(head("GET", "/health/live", None) * 1000)
    answer = await client.read()
    client.close()
    assert answer.raw.count(b"HTTP/1.1 200") < 100
