"""A file store at a distance that fails: uploads are refused at once, and it is left alone."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import S3Store
from tests.chaos.place import is_refusal, place

from groundwell.adapters.blob_store.obstore import RETRIES, ObstoreBlobStore
from groundwell.domain.circuit_breaker import CircuitBreaker, CircuitState
from groundwell.domain.errors import UnavailableError
from groundwell.settings import Settings


@pytest.fixture
def store() -> Iterator[ObstoreBlobStore]:
    # Bound and not listening: whoever connects is refused, and nobody else gets the port.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        remote = S3Store(
            "bucket",
            endpoint=f"http://127.0.0.1:{taken.getsockname()[1]}",
            access_key_id="a",
            secret_access_key="b",
            region="x",
            client_options={"allow_http": True},
            retry_config=RETRIES,
        )
        # No time passes for it: however slow the machine, it stays open once it is.
        circuit = CircuitBreaker("blob_store", "bucket", clock=lambda: 0.0)
        yield ObstoreBlobStore(remote, circuit=circuit)


async def test_a_store_that_is_away_is_left_alone_after_five_failures(
    store: ObstoreBlobStore, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    seconds: list[float] = []
    codes: list[str] = []
    for _ in range(7):
        begun = time.monotonic()
        with pytest.raises(UnavailableError) as caught:
            await store.put("ab/key", file)
        seconds.append(time.monotonic() - begun)
        codes.append(caught.value.code)
    assert codes == ["blob_store_unavailable"] * 5 + ["circuit_open"] * 2
    # An address that never answers would be waited for until the time for all tries is over.
    assert min(seconds[:5]) < 5
    assert min(seconds[5:]) < 0.1
    assert store.circuit is not None
    assert store.circuit.state is CircuitState.OPEN
    assert not await store.is_available()
    sys.stdout.write(
        f"\nfile store away: {max(seconds[:5]):.2f} s for each of five uploads, then "
        f"{max(seconds[5:]) * 1000:.1f} ms\n"
    )


async def test_while_the_store_is_away_files_are_refused_and_all_else_goes_on(
    store: ObstoreBlobStore, database_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=database_url, load_samples=False)  # type: ignore[arg-type] - pydantic makes a secret of it
    async with place(settings, blobs=store) as far:
        taken = await far.http.post(
            "/documents/batch",
            json=[{"id": "note", "text": "The bridge was built in 1874 by Ada Brown."}],
        )
        assert taken.status_code == 202, taken.text
        await far.wait_until_finished()
        refused = [await far.upload(f"{n}.txt", b"A bridge.") for n in range(7)]
        ready = await far.http.get("/health/ready")
        searched = await far.search("bridge")
        asked = await far.http.post("/api/v1/ask", json={"query": "When was the bridge built?"})
        counts = await far.counts()
    codes = [answer.json()["code"] for answer in refused]
    sys.stdout.write(
        f"\nfile store away: {len(refused)} uploads refused, {codes[0]} then {codes[-1]}; "
        f"search {searched.status_code}, answer {asked.status_code}\n"
    )
    assert all(is_refusal(answer, 503, code) for answer, code in zip(refused, codes, strict=True))
    assert codes == ["blob_store_unavailable"] * 5 + ["circuit_open"] * 2
    assert searched.json()["results"]
    assert "1874" in asked.json()["answer"]
    assert counts == {"pending": 0, "indexing": 0, "complete": 1, "failed": 0}
    assert (ready.status_code, ready.json()["degraded"]) == (200, ["blob_store"])
