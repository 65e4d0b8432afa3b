"""Clients that go away in the middle of an upload."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import httpx
from tests.e2e.running import RunningServer, running
from tests.seeds import SEED

TIMES = 100
COUNTED = re.compile(r'^groundwell_http_requests_total{method="(\w+)".*} (\S+)$', re.MULTILINE)


def request_of(server: RunningServer, content: bytes) -> bytes:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        + content
        + b"\r\n--b--\r\n"
    )
    head = (
        f"POST /api/v1/documents HTTP/1.1\r\nHost: {urlsplit(server.url).netloc}\r\n"
        f"Authorization: Bearer {server.key}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    return head.encode() + body


def left_behind(folder: Path) -> list[str]:
    # Unlike `rglob`, this takes it that folders go away while it looks.
    return [str(Path(at, name)) for at, _, names in os.walk(folder) for name in names]


def that_stay(scratch: Path, before: list[str]) -> list[str]:
    """Temporary files that came since, and that nobody takes away when their request is over."""
    deadline = time.monotonic() + 30
    while kept := [name for name in left_behind(scratch) if name not in before]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return kept


def stored(data_dir: Path) -> list[str]:
    return left_behind(data_dir / "blobs")


def send_beginnings(server: RunningServer, request: bytes, random: Random) -> int:
    """Send the request again and again and go away somewhere in it.

    Returns how many were sent far enough for the server to know what is asked.
    """
    address = (urlsplit(server.url).hostname, urlsplit(server.url).port)
    head = request.index(b"\r\n\r\n") + 4
    begun = 0
    for _ in range(TIMES):
        end = random.randrange(len(request))
        begun += end >= head
        with socket.create_connection(address) as connection:
            connection.sendall(request[:end])
    return begun


def count_over(client: httpx.Client, method: str) -> int:
    """How many requests with that method are over, however they ended."""
    samples = COUNTED.findall(client.get("/metrics").text)
    return sum(int(float(number)) for name, number in samples if name == method)


def wait_until_over(client: httpx.Client, method: str, count: int) -> None:
    deadline = time.monotonic() + 300
    while count_over(client, method) < count:
        assert time.monotonic() < deadline, count_over(client, method)
        time.sleep(0.05)


def test_an_upload_that_ends_early_leaves_nothing(tmp_path: Path) -> None:
    random, scratch = Random(SEED), tmp_path / "scratch"
    scratch.mkdir()
    # Larger than what the form parser keeps in memory.
    content = random.randbytes(1_500_000).hex().encode()
    with running(tmp_path / "data", "--no-worker", TMPDIR=str(scratch)) as server:
        before = left_behind(scratch)
        blobs = stored(tmp_path / "data")
        begun = send_beginnings(server, request_of(server, content), random)
        with server.client() as client:
            wait_until_over(client, "POST", begun)
            listed = client.get("/documents").json()
            usage = client.get("/api/v1/usage").json()
            assert client.get("/health/ready").status_code == 200
        after = stored(tmp_path / "data")
        kept = that_stay(scratch, before)
    sys.stdout.write(
        f"{TIMES} uploads cut off (seed {SEED}): {len(listed['documents'])} documents, "
        f"{len(after) - len(blobs)} blobs, {len(kept)} temporary files\n"
    )
    assert listed["documents"] == []
    assert [usage[each]["used"] for each in ("bytes", "documents", "queued")] == [0, 0, 0]
    assert after == blobs
    assert kept == []


def test_a_file_that_was_announced_and_ends_early_is_waited_for_on_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    random, scratch = Random(SEED), tmp_path / "scratch"
    scratch.mkdir()
    content = random.randbytes(200_000).hex().encode()
    with running(tmp_path / "data", "--no-worker", TMPDIR=str(scratch)) as server:
        with server.client() as client:
            body = {"filename": "a.txt", "file_size": len(content)}
            announced = client.post("/api/v1/uploads", json=body).json()["upload"]
            head = (
                f"PUT {announced['content_url']} HTTP/1.1\r\n"
                f"Host: {urlsplit(server.url).netloc}\r\n"
                f"Authorization: Bearer {server.key}\r\nContent-Length: {len(content)}\r\n\r\n"
            )
            before = left_behind(scratch)
            begun = send_beginnings(server, head.encode() + content, random)
            wait_until_over(client, "PUT", begun)
            waiting = client.get(f"/api/v1/uploads/{announced['upload_id']}").json()
            files = stored(tmp_path / "data")
            kept = that_stay(scratch, before)
            sent = client.put(announced["content_url"], content=content)
        log = server.said.read_text()
    sys.stdout.write(
        f"{TIMES} announced files cut off (seed {SEED}): {len(files)} blobs, {len(kept)} temporary "
        f"files, then sent whole: {sent.status_code}\n"
    )
    assert waiting["state"] == "awaiting_upload"
    assert files == []
    assert kept == []
    assert sent.status_code == 202
    assert "Traceback" not in log
