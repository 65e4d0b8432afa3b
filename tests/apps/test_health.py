"""Health: the fields that monitors read."""

from __future__ import annotations

from tests.conftest import Tenant

from groundwell.services import Services


async def test_health_has_exactly_its_five_fields(tenant: Tenant, services: Services) -> None:
    health = (await tenant.http.get("/health")).json()
    assert health == {
        "status": "healthy",
        "models_loaded": [services.embedder.model],
        "database": "connected",
        "cache": "connected",
        "uptime_seconds": health["uptime_seconds"],
    }
    assert isinstance(health["uptime_seconds"], int)
    assert health["uptime_seconds"] >= 0


async def test_a_working_server_is_alive_and_ready(tenant: Tenant) -> None:
    assert (await tenant.http.get("/health/live")).json() == {"status": "alive"}
    ready = await tenant.http.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ready",
        "database": "connected",
        "migrations": "current",
        "disk": "enough",
        "blobs": "connected",
        "degraded": [],
    }
