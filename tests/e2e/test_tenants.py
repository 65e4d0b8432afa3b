"""Tenants that the operator makes."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.e2e.running import groundwell, running
from tests.prepared_postgres import put_cluster

pytestmark = pytest.mark.slow


def test_a_new_tenant_is_let_in_and_sees_nothing_of_the_first(tmp_path: Path):
    data_dir, named = tmp_path / "data", str(uuid4())
    with running(data_dir, "--no-worker") as server, server.client() as first:
        first.post("/documents/batch", json=[{"id": "a", "text": "A secret harbour."}])
        made = groundwell(data_dir, "create-tenant", "second", "--id", named)
        assert made.returncode == 0, made.stderr
        key = made.stdout.strip()
        assert named in made.stderr
        assert key not in made.stderr
        with httpx.Client(
            base_url=server.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=120,
            trust_env=False,
        ) as second:
            me = second.get("/api/v1/users/me").json()
            assert (me["tenant"], me["role"]) == (named, "owner")
            assert second.get("/documents/a").status_code == 404
            assert second.get("/documents").json()["counts"]["pending"] == 0
            audit = second.get("/api/v1/audit", params={"action": "tenant.created"}).json()
            assert [entry["object"] for entry in audit["entries"]] == [named]
        again = groundwell(data_dir, "create-tenant", "third", "--id", named)
        assert again.returncode == 1
        assert f"There is a tenant {named} already." in again.stderr


def test_a_tenant_can_be_made_while_no_server_runs(tmp_path: Path):
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    put_cluster(data_dir / "postgres")
    made = groundwell(data_dir, "create-tenant", "second", "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    with running(data_dir, "--no-worker") as server:
        answer = httpx.get(
            f"{server.url}/api/v1/users/me",
            headers={"Authorization": f"Bearer {told['key']}"},
            timeout=120,
            trust_env=False,
        )
        assert answer.json()["tenant"] == told["tenant"]
