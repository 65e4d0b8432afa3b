"""No error repeats what was sent, and none tells what is inside: canaries in every text."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace

import pytest
from fastapi import FastAPI
from tests.apps.operations import operations
from tests.apps.people import client_of, server_with
from tests.conftest import Tenant
from tests.security.estate import settle
from tests.security.places import JSON, Place, kind_of, request_with, texts
from tests.security.seed import tell

from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.services import Services

CANARY = "canary5f3bd2"
# Ids are told again where they are the subject: "There is no collection 'x'."
NAMED = {"collection", "name of an eval set", "key", "source", "document"}


class BrokenSearch:
    """Fails with the caller's words in its message, as bugs do."""

    async def search(self, request: SearchRequest) -> SearchResponse:
        raise RuntimeError(f"a bug with {request.query} of {request.tenant}")


def spoilt(place: Place) -> list[object]:
    """Values that the place refuses, with a canary in each."""
    kind = kind_of(place)
    wrong: list[object] = [f"{CANARY}\\" * 1_000] if place.where == JSON else []
    if kind not in NAMED and place.leaf != "packs":
        wrong += [CANARY + "\x00" * (place.where == "query")]
    if place.where == JSON:
        wrong += [{"name": [CANARY]}, [[CANARY]]]
    if kind == "filter":
        wrong += [{"$regex": CANARY}, {"a": {"$in": CANARY}}, {"a": {"$gt": [CANARY]}}]
    return wrong


async def test_no_refusal_repeats_a_value(
    app: FastAPI, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    own = await settle(tenant, "errors")
    statuses: Counter[int] = Counter()
    for place in texts(app):
        if place.operation.method == "delete" and place.where != "path":
            continue
        for value in spoilt(place):
            answer = await tenant.http.request(
                **request_with({place: value}, place.operation, own.ids)
            )
            assert answer.status_code < 500, place.name
            if not answer.is_success:
                assert CANARY not in answer.text, f"{place.name}: {answer.text[:500]}"
                statuses[answer.status_code] += 1
    assert statuses.total() > 100
    # The test's own client logs the addresses that it calls.
    logged = [r.getMessage() for r in caplog.records if not r.name.startswith("http")]
    assert logged
    assert CANARY not in str(logged)
    tell(
        f"{statuses.total()} refusals of a request with a canary: 0 in the answers, 0 in the log; "
        f"statuses {dict(sorted(statuses.items()))}"
    )


async def test_a_bug_tells_nobody_what_it_was_about(
    services: Services, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    broken = replace(services, retriever=BrokenSearch(), uncached_retriever=BrokenSearch())
    count = 0
    async with (
        server_with(broken) as server,
        client_of(server, tenant.key) as client,
    ):
        for operation in operations(server):
            body = {"query": CANARY, "user_id": str(tenant.user)}
            if operation.path in ("/api/v1/search", "/api/v1/ask", "/api/v1/context", "/query"):
                body = {"query": CANARY}
            elif operation.path not in ("/api/v1/search/hybrid", "/api/v1/rag/query"):
                continue
            answer = await client.post(operation.path, json=body)
            if operation.path != "/query":
                assert answer.status_code == 500
                assert answer.json()["code"] == "internal_error"
            for inside in (CANARY, str(tenant.id), "RuntimeError", "a bug", "Traceback", ".py"):
                assert inside not in answer.text, operation.name
            count += 1
    assert count == 6
    assert tenant.key not in caplog.text
    tell(f"{count} operations with a bug: an id for the log in each answer, and nothing else")
