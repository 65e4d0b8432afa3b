"""What a monitor reads."""

from __future__ import annotations

import asyncio
import shutil
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from dataclasses import replace

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.apps.people import client_of, make_key, server_with
from tests.conftest import MakeTenant, Tenant, upload_texts
from tests.waiting import patience

from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.domain.circuit_breaker import CircuitBreaker, Circuits
from groundwell.domain.identity import Scope
from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.ports.metrics import Sample, WorkerSamples
from groundwell.retrieval.cached_retriever import ObservedRetriever, Searches
from groundwell.services import Services
from groundwell.store.database import Database, owner_options
from groundwell.store.worker_metrics import forget_process, read_samples, report_samples

Labels = frozenset[tuple[str, str]]
# No tenant, no user, nothing that anybody wrote.
LABELS = {
    *("route", "method", "status", "code", "le", "stage", "part", "provider", "outcome"),
    *("cache", "result", "queue", "state", "kind", "rule", "tier", "target", "process"),
}


async def samples(operator: Tenant) -> dict[tuple[str, Labels], float]:
    response = await operator.http.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def value(found: Mapping[tuple[str, Labels], float], name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


async def test_only_administrators_of_the_first_tenant_may_read_them(
    services: Services, make_tenant: MakeTenant, operator: Tenant
) -> None:
    for scopes, code in (
        ((Scope.READ, Scope.WRITE), "insufficient_scope"),
        (tuple(Scope), "not_the_operator"),
    ):
        refused = await (await make_tenant(scopes)).http.get("/metrics")
        assert (refused.status_code, refused.json()["code"]) == (403, code)
    assert await samples(operator)
    own = await make_key(operator, name="prometheus", scopes=["admin"])
    async with server_with(services) as server, client_of(server, own["key"]) as prometheus:
        assert await samples(replace(operator, http=prometheus))
    weak = await make_key(operator, name="reader", scopes=["read"])
    async with server_with(services) as server, client_of(server, weak["key"]) as reader:
        assert (await reader.get("/metrics")).status_code == 403


async def test_requests_are_counted_by_route_method_and_status(
    operator: Tenant, tenant: Tenant
) -> None:
    before = await samples(operator)
    for address in ("/api/v1/documents/a", "/documents/b"):
        await tenant.http.get(address)
    await tenant.http.get("/api/v1/collections")
    after = await samples(operator)

    def risen(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    missing = {"route": "/api/v1/documents/{document_id}", "method": "GET"}
    short = {"route": "/documents/{document_id}", "method": "GET"}
    assert risen("groundwell_http_requests_total", **missing, status="404") == 1
    assert risen("groundwell_http_requests_total", **short, status="404") == 1
    listed = {"route": "/api/v1/collections", "method": "GET"}
    assert risen("groundwell_http_requests_total", **listed, status="200") == 1
    assert risen("groundwell_http_request_duration_seconds_count", **missing) == 1
    assert risen("groundwell_http_request_duration_seconds_sum", **missing) > 0
    assert risen("groundwell_http_problems_total", code="document_not_found") == 2


async def test_what_strangers_make_up_adds_no_series(operator: Tenant, tenant: Tenant) -> None:
    await tenant.http.get("/first")
    await tenant.http.request("FIRST", "/api/v1/search")
    before = await samples(operator)
    for number in range(5):
        await tenant.http.get(f"/made-up-{number}")
        await tenant.http.request(f"MADEUP{number}", "/api/v1/search")
        await tenant.http.get("/documents", headers={"Authorization": f"Bearer {number}"})
    after = await samples(operator)
    new = {
        labels
        for name, labels in set(after) - set(before)
        if name.startswith("groundwell_http") and not name.endswith("_bucket")
    }
    assert new <= {
        frozenset({("route", "other"), ("method", "GET"), ("status", "401")}),
        frozenset({("code", "unauthenticated")}),
    }
    text = (await operator.http.get("/metrics")).text.lower()
    assert "made" not in text


async def test_searches_and_their_stages_are_timed_under_the_names_that_monitors_know(
    operator: Tenant,
    tenant: Tenant,
) -> None:
    await upload_texts(tenant, [{"id": "heron", "text": "Herons eat fish."}])
    before = await samples(operator)
    for headers in ({}, {}, {"Cache-Control": "no-cache"}):
        body = {"query": "what do herons eat?"}
        await tenant.http.post("/api/v1/search", json=body, headers=headers)
    after = await samples(operator)

    def risen(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert risen("query_duration_seconds_count") == 3
    assert 0 < risen("query_duration_seconds_sum") < 30
    stages = {
        stage: risen("groundwell_search_stage_duration_seconds_count", stage=stage)
        for stage in ("cache", "embed", "index", "load", "total")
    }
    assert stages == {"cache": 2, "embed": 2, "index": 2, "load": 2, "total": 0}


async def test_hits_misses_and_sizes_of_both_caches_are_shown(
    operator: Tenant, tenant: Tenant
) -> None:
    await upload_texts(tenant, [{"id": "stork", "text": "Storks eat frogs."}])
    before = await samples(operator)
    query = "what do storks of the metrics test eat?"
    for limit in (10, 10, 11):
        await tenant.http.post("/api/v1/search", json={"query": query, "limit": limit})
    after = await samples(operator)

    def risen(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    counted = {
        (cache, result): risen("groundwell_cache_requests_total", cache=cache, result=result)
        for cache in ("embedding", "retrieval")
        for result in ("hit", "miss")
    }
    assert counted == {
        ("retrieval", "hit"): 1,
        ("retrieval", "miss"): 2,
        ("embedding", "hit"): 1,
        ("embedding", "miss"): 1,
    }
    assert risen("embedding_cache_hits_total") == 1
    assert risen("groundwell_cache_entries", cache="retrieval") == 2
    assert risen("groundwell_cache_bytes", cache="embedding") > 384 * 4


async def test_nothing_that_anybody_wrote_is_shown(operator: Tenant, tenant: Tenant) -> None:
    secret = "marzipansubmarine"
    await upload_texts(tenant, [{"id": secret, "text": f"The code is {secret}."}], secret)
    body = {"query": secret, "collection": secret, "filter": {secret: secret}}
    await tenant.http.post("/api/v1/search", json=body)
    await tenant.http.get(f"/api/v1/documents/{secret}", params={secret: secret})
    shown = (await operator.http.get("/metrics")).text
    for private in (secret, str(tenant.id), str(tenant.user), tenant.key):
        assert private not in shown


async def test_the_text_is_what_the_monitors_own_checker_takes(
    operator: Tenant, tenant: Tenant
) -> None:
    checker = shutil.which("promtool")
    if checker is None:
        pytest.skip("promtool is not installed; it comes with the package prometheus")
    await tenant.http.post("/api/v1/search", json={"query": "anything"})
    text = (await operator.http.get("/metrics")).text
    process = await asyncio.create_subprocess_exec(
        checker, "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    said, complaints = await process.communicate(text.encode())
    assert process.returncode == 0, (said, complaints)


async def test_every_family_has_help_type_and_the_names_of_its_samples_are_unique(
    operator: Tenant,
) -> None:
    text = (await operator.http.get("/metrics")).text
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    assert all(family.documentation and family.type != "unknown" for family in families)
    shown = [(s.name, frozenset(s.labels.items())) for f in families for s in f.samples]
    assert len(shown) == len(set(shown))
    labels = {name for family in families for sample in family.samples for name in sample.labels}
    assert labels <= LABELS


async def test_jobs_of_all_processes_are_counted_by_kind_and_outcome(
    operator: Tenant, tenant: Tenant
) -> None:
    before = await samples(operator)
    await upload_texts(tenant, [{"id": "crane", "text": "Cranes dance."}])
    after: Mapping[tuple[str, Labels], float] = {}
    done = {"kind": "embed", "outcome": "succeeded"}
    async with patience():
        while value(after, "groundwell_jobs_total", **done) <= value(
            before, "groundwell_jobs_total", **done
        ):
            after = await samples(operator)
    assert value(after, "groundwell_job_seconds_total", **done) > 0
    assert value(after, "groundwell_database_up") == 1


async def test_searches_that_fail_or_go_on_without_a_part_are_counted(
    services: Services, operator: Tenant, tenant: Tenant
) -> None:
    await upload_texts(tenant, [{"id": "ibis", "text": "Ibises probe the mud."}])
    metrics = PrometheusMetrics()
    searches = ObservedRetriever(_Failing(services.uncached_retriever), metrics)
    async with (
        server_with(services, retriever=searches, metrics=metrics) as server,
        client_of(server, tenant.key) as client,
    ):
        for query in ("mud", "degraded mud", "broken mud"):
            await client.post("/api/v1/search", json={"query": query})
        client.headers["Authorization"] = f"Bearer {operator.key}"
        found = await samples(replace(operator, http=client))
    assert value(found, "query_errors_total") == 1
    assert value(found, "query_duration_seconds_count") == 2
    assert value(found, "groundwell_degraded_answers_total", part="embedder") == 1
    assert value(found, "groundwell_http_problems_total", code="internal_error") == 1


async def test_without_the_database_the_rest_is_told_still(services: Services) -> None:
    text, _ = services.metrics.exposition(None)
    families = {family.name: family for family in text_string_to_metric_families(text.decode())}
    assert families["groundwell_database_up"].samples[0].value == 0
    assert "groundwell_http_requests" in families
    assert "groundwell_queue_jobs" not in families


async def test_what_workers_count_is_told_beside_what_the_server_counts(
    services: Services, operator: Tenant
) -> None:
    worker = PrometheusMetrics()
    circuits = Circuits()
    circuits.watch(CircuitBreaker("embedder", "model at host"))
    worker.watch_circuits(circuits)
    worker.observe_provider_call("embedder", "ok", 0.2)
    worker.observe_provider_call("embedder", "provider_timeout", 30)
    mine = {"provider": "embedder", "outcome": "provider_timeout"}
    before = value(await samples(operator), "groundwell_provider_calls_total", **mine)
    try:
        for _ in range(2):
            async with services.database.anonymous_transaction() as connection:
                await report_samples(connection, "here:1", worker.list_samples())
        found = await samples(operator)
        assert value(found, "groundwell_provider_calls_total", **mine, process="here:1") == 1
        assert value(found, "groundwell_provider_calls_total", **mine) == before
        calls = "groundwell_provider_call_duration_seconds"
        assert value(found, f"{calls}_count", provider="embedder", process="here:1") == 2
        closed = {"part": "embedder", "target": "model at host", "state": "closed"}
        assert value(found, "groundwell_circuit_state", **closed, process="here:1") == 1
        assert value(found, "process_resident_memory_bytes", process="here:1") > 1 << 20
        text = (await operator.http.get("/metrics")).text
        names = [family.name for family in text_string_to_metric_families(text)]
        assert len(names) == len(set(names))
    finally:
        async with services.database.anonymous_transaction() as connection:
            await forget_process(connection, "here:1")
    assert 'process="' not in (await operator.http.get("/metrics")).text


async def test_a_worker_that_is_silent_is_forgotten(database: Database, database_url: str) -> None:
    sample = Sample("family", "family_total", {"a": "b"}, 2.5)
    async with database.anonymous_transaction() as connection:
        await report_samples(connection, "dead:1", [sample])
        assert await read_samples(connection) == [WorkerSamples("dead:1", (sample,))]
    with psycopg.connect(database_url, options=owner_options()) as owner:
        owner.execute("UPDATE worker_metrics SET reported_at = now() - interval '2 minutes'")
    async with database.anonymous_transaction() as connection:
        assert await read_samples(connection) == []
        await report_samples(connection, "alive:1", [sample])
        cursor = await connection.execute("SELECT process FROM worker_metrics")
        assert await cursor.fetchall() == [("alive:1",)]


async def test_the_accuracy_is_that_of_the_newest_evaluation(
    operator: Tenant, tenant: Tenant
) -> None:
    await upload_texts(tenant, [{"id": "kite", "text": "Kites circle over the valley."}])
    judged = {
        "name": "kites",
        "judgements": [{"query": "kites valley", "relevant": [{"document_id": "kite"}]}],
    }
    await tenant.http.post("/api/v1/evals/sets", json=judged)
    run = (await tenant.http.post("/api/v1/evals/runs", json={"set": "kites"})).json()
    async with patience():
        while run["status"] not in ("complete", "failed"):
            run = (await tenant.http.get(f"/api/v1/evals/runs/{run['id']}")).json()
    found = await samples(operator)
    assert value(found, "retrieval_accuracy_score") == run["measures"]["ndcg@10"] == 1


class _Failing:
    """A search that loses a part, or has a bug, when the query says so."""

    def __init__(self, searches: Searches) -> None:
        self._searches = searches

    async def search(self, request: SearchRequest) -> SearchResponse:
        if "broken" in request.query:
            raise RuntimeError(request.query)
        found = await self._searches.search(request)
        return replace(found, degraded=("embedder",)) if "degraded" in request.query else found
