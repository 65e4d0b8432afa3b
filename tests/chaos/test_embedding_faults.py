"""A document waits for an embedding server that is away, and no point is made of a bad answer."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.apps.remote_models import served_with_remote_models
from tests.conftest import Tenant, finished
from tests.fakes.provider import (
    DIMENSION,
    Play,
    answers_well,
    embeddings,
    reply,
    says,
    scripted_provider,
    vectors,
)

from groundwell.adapters.embedder.openai import OpenAIEmbedder
from groundwell.domain.errors import ProviderError
from groundwell.services import Services
from groundwell.store.embedded import EmbeddedPostgres

TEXTS = [{"id": f"note-{n}", "text": f"Herons stand still, note {n}."} for n in range(5)]
AWAY = reply("503 Away")
OVERLOADED = reply("429 Slow", headers="Retry-After: 60\r\n")


async def send(tenant: Tenant, count: int = len(TEXTS)) -> None:
    sent = await tenant.http.post("/api/v1/documents/batch", json=TEXTS[:count])
    assert sent.status_code == 202, sent.text


async def points(tenant: Tenant, services: Services) -> int:
    async with services.database.transaction(tenant.id) as connection:
        cursor = await connection.execute("SELECT count(*) FROM chunks")
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def reason_of(tenant: Tenant, document_id: str) -> dict[str, Any] | None:
    """What the document waits for; None while it is being tried."""
    document = (await tenant.http.get(f"/api/v1/documents/{document_id}")).json()
    waiting: dict[str, Any] | None = document["waiting_for"]
    return waiting


async def test_documents_wait_for_the_server_and_use_no_attempt_up(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    async with (
        scripted_provider(says(AWAY)) as provider,
        served_with_remote_models(postgres, tmp_path, provider) as (tenant, services),
    ):
        await send(tenant)
        # Each start asks twice, and a job has no more than three attempts.
        async with asyncio.timeout(120):
            while len(provider.requests) < 5:  # noqa: ASYNC110 - the server gives no event
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        for text in TEXTS:
            document = (await tenant.http.get(f"/api/v1/documents/{text['id']}")).json()
            assert document["status"] in ("pending", "indexing"), document
        async with asyncio.timeout(60):
            while (why := await reason_of(tenant, TEXTS[0]["id"])) is None:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
        assert why["reason"] == "retry"
        assert why["next_try_at"] is not None
        assert "embedd" in why["message"], why
        jobs = (await tenant.http.get("/api/v1/jobs")).json()["jobs"]
        assert {job["attempts"] for job in jobs} <= {0, 1}
        assert await points(tenant, services) == 0
        asked, begun = len(provider.requests), time.monotonic()
        provider.play = answers_well
        for text in TEXTS:
            document = await finished(tenant, text["id"])
            assert document["status"] == "complete", document
        assert await points(tenant, services) == len(TEXTS)
    sys.stdout.write(
        f"{len(TEXTS)} documents waited through {asked} requests that failed and were searchable "
        f"{time.monotonic() - begun:.1f} s after the server was back\n"
    )


async def test_a_server_that_asks_to_wait_is_not_asked_again_before_that(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    async with (
        scripted_provider(says(OVERLOADED)) as provider,
        served_with_remote_models(postgres, tmp_path, provider) as (tenant, services),
    ):
        await send(tenant)
        async with asyncio.timeout(60):
            while not provider.requests:  # noqa: ASYNC110 - the server gives no event
                await asyncio.sleep(0.02)
        await asyncio.sleep(2)
        assert len(provider.requests) == 1
        assert services.circuits.broken_parts() == []
        document = (await tenant.http.get("/api/v1/documents/note-0")).json()
        assert document["status"] == "indexing"


def changed(index: int, row: list[object]) -> Play:
    """All vectors are good but one."""

    async def play(asked: Any, writer: asyncio.StreamWriter) -> None:  # noqa: ANN401 - JSON
        rows: list[list[Any]] = [list(vector) for vector in vectors(asked)]
        rows[index] = row
        writer.write(embeddings(*rows).replace(b"null", b" NaN"))
        await writer.drain()

    return play


async def too_few(asked: Any, writer: asyncio.StreamWriter) -> None:  # noqa: ANN401 - JSON
    writer.write(embeddings(*vectors(asked)[:-1]))
    await writer.drain()


BAD = {
    "wrong dimension": changed(-1, [1.0] * (DIMENSION + 1)),
    "NaN": changed(-1, [None, *[1.0] * (DIMENSION - 1)]),
    "zeros": changed(-1, [0.0] * DIMENSION),
    "fewer vectors": too_few,
    "HTML": says(reply("200 OK", b"<html>Log in</html>")),
    "gzip": says(reply("200 OK", b"\x1f\x8b" * 99, "Content-Encoding: gzip\r\n")),
    "100 MB": says(reply("200 OK", b" " * 100_000_000)),
    "redirect": says(reply("302 Elsewhere", b"", "Location: http://127.0.0.1:9/\r\n")),
}


async def test_every_kind_of_bad_answer_is_refused() -> None:
    async with scripted_provider(answers_well) as provider:
        for play in BAD.values():
            provider.play = play
            # One of its own: nonsense opens a circuit.
            embedder = OpenAIEmbedder(
                base_url=provider.url, api_key=None, model="words", dimension=DIMENSION
            )
            with pytest.raises(ProviderError) as caught:
                await embedder.embed_documents(["one", "two"])
            await embedder.close()
            assert caught.value.code == "provider_bad_response"
    sys.stdout.write(f"{len(BAD)} kinds of bad answers: each refused\n")


@pytest.mark.parametrize("fault", BAD)
async def test_a_document_of_a_bad_answer_has_no_point(
    fault: str, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    async with (
        scripted_provider(BAD[fault]) as provider,
        served_with_remote_models(postgres, tmp_path, provider) as (tenant, services),
    ):
        # More than one would open the circuit, and wait for a server that speaks sense.
        await send(tenant, 1)
        failed = await finished(tenant, "note-0")
        made = await points(tenant, services)
    assert (failed["status"], made) == ("failed", 0)
    sys.stdout.write(f"{fault}: the document failed, {made} points\n")
