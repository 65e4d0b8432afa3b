from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from groundwell.cli.client import Client, ServerError
from groundwell.cli.holdings import export
from groundwell.domain.errors import BackupError, StartupError


def client_that(answer: httpx.Response) -> Client:
    transport = httpx.MockTransport(lambda _: answer)
    return Client(httpx.Client(transport=transport, base_url="http://groundwell.test"))


def broken() -> Iterator[bytes]:
    yield b"half"
    raise httpx.ReadError("reset")


def test_a_download_is_a_whole_file(tmp_path: Path):
    target = tmp_path / "all.zip"
    client = client_that(httpx.Response(200, content=b"archive"))
    assert client.download("/api/v1/tenant/export", target) == 7
    assert target.read_bytes() == b"archive"
    assert list(tmp_path.iterdir()) == [target]


def test_a_download_that_is_refused_leaves_no_file(tmp_path: Path):
    problem = {"detail": "Only an owner may do that.", "code": "insufficient_role"}
    client = client_that(httpx.Response(403, json=problem))
    with pytest.raises(ServerError) as caught:
        client.download("/api/v1/tenant/export", tmp_path / "all.zip")
    assert (caught.value.code, list(tmp_path.iterdir())) == ("insufficient_role", [])


def test_a_download_that_breaks_off_leaves_no_file(tmp_path: Path):
    client = client_that(httpx.Response(200, content=broken()))
    with pytest.raises(StartupError) as caught:
        client.download("/api/v1/tenant/export", tmp_path / "all.zip")
    assert (caught.value.code, list(tmp_path.iterdir())) == ("connection_lost", [])


def test_an_export_overwrites_nothing(tmp_path: Path):
    target = tmp_path / "all.zip"
    target.write_bytes(b"mine")
    with pytest.raises(BackupError) as caught:
        export(target)
    assert (caught.value.code, target.read_bytes()) == ("file_exists", b"mine")
