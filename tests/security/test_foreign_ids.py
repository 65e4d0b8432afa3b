"""Every route with every id of another tenant: answered exactly like an id that nobody has."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from statistics import median

import httpx
import pytest
from fastapi import FastAPI
from tests.apps.operations import operations
from tests.conftest import MakeTenant, Tenant
from tests.security.estate import SHOWN, Estate, digest_of, missing, settle
from tests.security.foreign import ROLES, Callers, cases, content_of, filled, spellings
from tests.security.places import FORM, JSON, kind_of, request_with, texts
from tests.security.seed import IS_LONG, dice, tell

from groundwell.domain.identity import Role
from groundwell.services import Services

# What a good answer has of its own at every request.
_LEFT = re.compile(r"\b(r|t)=\d+")
MADE = [
    (re.compile(rb'"(timings_ms|latency_ms)":\{[^{}]*\}'), b"MEASURES"),
    (re.compile(rb"gw_[0-9a-f]{16}_[0-9a-f]{64}_[0-9a-f]{8}"), b"KEY"),
    (re.compile(rb'"id":"[0-9a-f]{16}"'), b"KEYID"),
    (re.compile(rb"fresh-[0-9a-f]{8}"), b"NAME"),
    # A worker may take a document up, or finish it, between two requests.
    (re.compile(rb"\"status\":\"(pending|indexing|complete)\""), b"STATUS"),
    (re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), b"UUID"),
    (re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), b"TIME"),
]
# A worker may change what is listed between two requests; what is told by mistake is told again.
MOST_TIMES = 3
# What is of all tenants together.
OF_THE_OPERATOR = ("/api/v1/config",)
Seen = tuple[int, tuple[tuple[str, str], ...], bytes]


@pytest.fixture(scope="module")
async def theirs(make_tenant: MakeTenant) -> Estate:
    return await settle(await make_tenant(), "another tenant")


@pytest.fixture(scope="module")
async def own(make_tenant: MakeTenant) -> Estate:
    return await settle(await make_tenant(), "one's own")


@pytest.fixture
async def callers(
    app: FastAPI, services: Services, make_tenant: MakeTenant, own: Estate
) -> AsyncIterator[Callers]:
    found = Callers(app, services, make_tenant, own)
    yield found
    await found.close()


def seen(response: httpx.Response, ids: Mapping[str, str]) -> Seen:
    """All that a caller sees, but for the id that it named and what is new at every request."""
    request_id = response.headers["x-request-id"]
    headers = {k: v for k, v in response.headers.items() if k not in ("server-timing", "date")}
    headers["x-request-id"] = "REQUEST"
    # What is left of the limit is less after every request.
    headers = {k: _LEFT.sub(r"\1=LEFT", v) if k == "ratelimit" else v for k, v in headers.items()}
    body = content_of(response).replace(request_id.encode(), b"REQUEST")
    for identity in sorted(ids.values(), key=len, reverse=True):
        for spelling in spellings(identity):
            body = body.replace(spelling, b"ID")
            headers = {k: v.replace(spelling.decode(), "ID") for k, v in headers.items()}
    if response.is_success:
        headers.pop("content-length", None)
        for pattern, name in MADE:
            body = pattern.sub(name, body)
    return response.status_code, tuple(sorted(headers.items())), body


async def test_a_foreign_id_is_answered_byte_for_byte_like_a_missing_one(
    app: FastAPI, services: Services, callers: Callers, own: Estate, theirs: Estate
) -> None:
    before = await digest_of(services, theirs)
    nobodys = missing(theirs.ids)
    statuses: Counter[int] = Counter()
    known = cases(app)
    for places in known:
        operation = next(iter(places)).operation
        for role, client in (await callers.of(operation, places)).items():
            for _ in range(MOST_TIMES):
                answers = []
                for ids in (theirs.ids, nobodys):
                    values = {place: filled(kind, ids) for place, kind in places.items()}
                    request = request_with(values, operation, own.ids)
                    answers.append(await client.request(**request))
                foreign, unknown = answers
                is_alike = seen(foreign, theirs.ids) == seen(unknown, nobodys)
                if is_alike or operation.method != "get":
                    break
            name = f"{role}: {[place.name for place in places]}"
            assert theirs.word not in foreign.text.replace(theirs.ids["subject"], ""), name
            assert foreign.status_code < 500, name
            assert seen(foreign, theirs.ids) == seen(unknown, nobodys), name
            if any(place.where == "path" for place in places):
                assert foreign.status_code in (403, 404), name
            statuses[foreign.status_code] += 1
        if operation.method != "get":
            callers.changed()
    assert await digest_of(services, theirs) == before, "something of the other tenant has changed"
    kinds = {kind for places in known for kind in places.values() if isinstance(kind, str)}
    assert kinds | {"tenant", *SHOWN} == set(theirs.ids), "an id of the estate is never tried"
    total = sum(statuses.values())
    assert total > 250
    tell(
        f"{len(list(operations(app)))} operations, {len(known)} places or sets of places with an "
        f"id, {len(kinds)} kinds of ids, 3 roles: {total} comparisons, 0 differences; statuses "
        f"{dict(sorted(statuses.items()))}"
    )


async def test_a_foreign_id_of_any_kind_in_any_path_is_answered_like_a_missing_one(
    app: FastAPI, services: Services, callers: Callers, own: Estate, theirs: Estate
) -> None:
    """What names one thing might be taken for the name of another, or be looked for everywhere."""
    before = await digest_of(services, theirs)
    nobodys = missing(theirs.ids)
    statuses: Counter[int] = Counter()
    places = [place for place in texts(app) if place.where == "path"]
    for place in places:
        callers.renew()
        asking = await callers.of(place.operation, {place: kind_of(place)})
        for client in asking.values() if IS_LONG else [asking[Role.OWNER]]:
            for kind in theirs.ids:
                answers = [
                    await client.request(
                        **request_with({place: ids[kind]}, place.operation, own.ids)
                    )
                    for ids in (theirs.ids, nobodys)
                ]
                foreign, unknown = answers
                name = f"{kind} as {place.name}"
                assert theirs.word not in foreign.text.replace(theirs.ids["subject"], ""), name
                assert foreign.status_code in (403, 404, 422), name
                assert seen(foreign, theirs.ids) == seen(unknown, nobodys), name
                statuses[foreign.status_code] += 1
    assert await digest_of(services, theirs) == before, "something of the other tenant has changed"
    assert statuses.total() == len(places) * len(theirs.ids) * (len(ROLES) if IS_LONG else 1)
    tell(
        f"{len(places)} places in paths, ids of all {len(theirs.ids)} kinds in each: "
        f"{statuses.total()} comparisons, 0 differences; statuses {dict(sorted(statuses.items()))}"
    )


async def test_a_tenant_that_a_request_names_is_not_listened_to(
    app: FastAPI, own: Estate, theirs: Estate, operator: Tenant
) -> None:
    count = 0
    for operation in operations(app):
        if operation.method != "get" or operation.path in ("/metrics", "/health"):
            continue
        is_operators = operation.path in OF_THE_OPERATOR
        other = str(operator.id) if is_operators else theirs.ids["tenant"]
        headers = dict.fromkeys(("X-Groundwell-Tenant", "X-Tenant-ID", "X-Tenant"), other)
        query = dict.fromkeys(("tenant", "tenant_id"), other)
        request = request_with({}, operation, own.ids)
        if "conversation_id" in operation.path:
            assert own.word in (await own.tenant.http.get(request["url"])).text
        naming = {**request, "params": {**request["params"], **query}}
        for _ in range(MOST_TIMES):
            plain = await own.tenant.http.request(**request)
            named = await own.tenant.http.request(**naming, headers=headers)
            if seen(named, own.ids) == seen(plain, own.ids):
                break
        assert plain.status_code == (403 if is_operators else 200), operation.name
        assert seen(named, own.ids) == seen(plain, own.ids), operation.name
        count += 1
    for operation in operations(app):
        content = operation.spec.get("requestBody", {}).get("content", {})
        if JSON not in content or FORM in content:
            continue
        request = request_with({}, operation, own.ids)
        body = request["json"]
        target = body[0] if isinstance(body, list) else body
        target["tenant_id"] = theirs.ids["tenant"]
        answer = await own.tenant.http.request(**request)
        assert answer.status_code == 422, operation.name
        count += 1
    tell(f"{count} requests that name another tenant: 0 listened to")


async def test_a_foreign_id_takes_as_long_as_a_missing_one(own: Estate, theirs: Estate) -> None:
    rounds = 500 if IS_LONG else 100
    nobodys = missing(theirs.ids)
    chance = dice("order of requests")
    told = []
    for kind, path in (("document", "/api/v1/documents/"), ("eval run", "/api/v1/evals/runs/")):
        paired: list[tuple[float, float]] = []
        # On a busy machine it takes more pairs until their median says something.
        while len(paired) < rounds or (is_told(paired) and len(paired) < 10 * rounds):
            taken = {}
            for name in chance.sample(("foreign", "missing"), 2):
                ids = theirs.ids if name == "foreign" else nobodys
                begun = time.perf_counter()
                await own.tenant.http.get(path + ids[kind])
                taken[name] = 1000 * (time.perf_counter() - begun)
            paired.append((taken["foreign"], taken["missing"]))
        difference, usual = medians(paired)
        told.append(
            f"{kind}: {usual:.2f} ms, {1000 * difference:+.0f} us for a foreign one,"
            f" in {len(paired)} pairs"
        )
        assert not is_told(paired), told
    tell(f"medians: {'; '.join(told)}")


def medians(paired: list[tuple[float, float]]) -> tuple[float, float]:
    """By how much longer a foreign one takes, and how long a missing one does."""
    difference = median(foreign - unknown for foreign, unknown in paired)
    return difference, median(unknown for _, unknown in paired)


def is_told(paired: list[tuple[float, float]]) -> bool:
    """Whether the time tells a foreign one from a missing one."""
    difference, usual = medians(paired)
    return abs(difference) >= 0.2 * usual
