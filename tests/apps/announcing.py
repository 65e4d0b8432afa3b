"""Announcing files over HTTP, and sending or not sending them."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import httpx
import psycopg
from tests.conftest import Tenant
from tests.waiting import until

from groundwell.services import Services
from groundwell.store.database import owner_options

TEXT = b"Cormorants dry their wings in the wind."
SHA256 = hashlib.sha256(TEXT).hexdigest()


async def announce(tenant: Tenant, **said: object) -> dict[str, Any]:
    body = {"filename": "birds.txt", "file_size": len(TEXT), **said}
    answer = await tenant.http.post("/api/v1/uploads", json=body)
    assert answer.status_code == 202, answer.text
    announced: dict[str, Any] = answer.json()
    return announced


async def put(
    tenant: Tenant, announced: dict[str, Any], content: bytes = TEXT, **headers: str
) -> httpx.Response:
    address = announced["upload"]["content_url"]
    return await tenant.http.put(address, content=content, headers=headers)


async def signal(
    tenant: Tenant, announced: dict[str, Any], event: str = "DocumentUploaded"
) -> httpx.Response:
    address = f"/api/v1/uploads/{announced['upload']['upload_id']}/signal"
    return await tenant.http.post(address, json={"event": event})


async def document_of(tenant: Tenant, announced: dict[str, Any]) -> dict[str, Any]:
    answer = await tenant.http.get(f"/api/v1/documents/{announced['document_id']}")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def state_of(tenant: Tenant, announced: dict[str, Any]) -> dict[str, Any]:
    answer = await tenant.http.get(f"/api/v1/uploads/{announced['upload']['upload_id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def usage(tenant: Tenant) -> dict[str, int]:
    quotas = (await tenant.http.get("/api/v1/usage")).json()
    return {name: quotas[name]["used"] for name in ("bytes", "documents", "queued")}


def expire(url: str, announced: dict[str, Any]) -> None:
    """An hour passes, for this upload alone: its deadline lies behind, and its job is due."""
    with psycopg.connect(url, options=owner_options(), autocommit=True) as owner:
        owner.execute(
            "UPDATE announced_uploads SET expires_at = now() - interval '1 s' WHERE id = %s",
            (announced["upload"]["upload_id"],),
        )
    hurry(url, announced)


def hurry(url: str, announced: dict[str, Any]) -> None:
    """The job that ends the wait is due at once."""
    with psycopg.connect(url, options=owner_options(), autocommit=True) as owner:
        owner.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE args->>'upload' = %s",
            (announced["upload"]["upload_id"],),
        )


def due_in(url: str, announced: dict[str, Any]) -> float | None:
    """Seconds until the job that ends the wait begins; None when there is none."""
    with psycopg.connect(url, options=owner_options()) as owner:
        row = owner.execute(
            "SELECT extract(epoch FROM scheduled_at - now())::float8 FROM procrastinate_jobs"
            " WHERE args->>'upload' = %s",
            (announced["upload"]["upload_id"],),
        ).fetchone()
    return None if row is None else row[0]


async def job_is_done(url: str, announced: dict[str, Any]) -> None:
    """Wait until the job that ends the wait has run."""
    await until(lambda: due_in(url, announced) is None)


async def put_into_the_store(
    services: Services, announced: dict[str, Any], content: bytes, folder: Path
) -> None:
    """What an operator does with the file store's own tools."""
    source = folder / "source"
    await asyncio.to_thread(source.write_bytes, content)
    await services.blobs.put(announced["upload"]["blob_key"], source)


async def staged(services: Services) -> list[str]:
    return [key async for key, _ in services.blobs.entries() if key.startswith("uploads/")]
