"""Whatever is sent, the answer says what is wrong with it, and is never a 500."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.apps.problems import problem_in
from tests.conftest import MakeTenant, Tenant

from groundwell.services import Services

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
async def client(make_tenant: MakeTenant) -> Tenant:
    return await make_tenant()


DEEP = {
    "brackets": b"[" * 2000 + b"]" * 2000,
    "open brackets": b"[" * 100_000,
    "objects": b'{"query": "x", "filter": ' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}",
}


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP.keys())
async def test_a_body_that_is_nested_too_deeply_is_told_so(client: Tenant, body: bytes) -> None:
    answer = await client.http.post("/api/v1/search", content=body, headers=JSON)
    assert problem_in(answer, 400)["detail"] == "The body is nested too deeply."


async def test_the_place_of_a_mistake_far_inside_is_shortened(client: Tenant) -> None:
    for levels in (20, 200):
        body = b'{"query": "x", "filter": ' + b'{"$and":[' * levels + b"1" + b"]}" * levels + b"}"
        answer = await client.http.post("/api/v1/search", content=body, headers=JSON)
        problem = problem_in(answer, 422)
        assert len(problem["detail"]) < 200, problem


WRONG = {
    "nothing": b"{}",
    "null": b"null",
    "a list": b'[{"query": "x"}]',
    "a string": b'"query"',
    "a number for text": b'{"query": 5}',
    "null for text": b'{"query": null}',
    "no text": b'{"query": " \\n\\t "}',
    "one megabyte of text": b'{"query": "' + b"x" * 1_000_000 + b'"}',
    "one field too many": b'{"query": "x", "tenant_id": "y"}',
    "a limit of a billion": b'{"query": "x", "limit": 1000000000}',
    "a limit of zero": b'{"query": "x", "limit": 0}',
    "a limit of 20 digits": b'{"query": "x", "limit": 99999999999999999999}',
    "a fraction": b'{"query": "x", "limit": 1.5}',
    "a threshold of two": b'{"query": "x", "threshold": 2}',
    "a huge threshold": b'{"query": "x", "threshold": 1e308}',
    "a strange search type": b'{"query": "x", "search_type": "magic"}',
    "a collection with a path": b'{"query": "x", "collection": "../../etc"}',
    "a collection with a line end": b'{"query": "x", "collection": "default\\n"}',
    "an unknown operator": b'{"query": "x", "filter": {"a": {"$regex": "."}}}',
    "an unknown clause": b'{"query": "x", "filter": {"$where": "1"}}',
    "a hostile name": b'{"query": "x", "filter": {"a\' OR 1=1": 1}}',
    "a list for a value": b'{"query": "x", "filter": {"a": [[1]]}}',
    "deep filter": b'{"query": "x", "filter": ' + b'{"$not":' * 200 + b"1" + b"}" * 200 + b"}",
    "deep list": b'{"query": "x", "filter": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}",
    "10,000 conditions": orjson.dumps(
        {"query": "x", "filter": {f"f{n}": n for n in range(10_000)}}
    ),
    "10,000 strange fields": orjson.dumps({"query": "x"} | {f"f{n}": n for n in range(10_000)}),
    "a strange field with a long name": orjson.dumps({"query": "x", "f" * 500_000: 1}),
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
async def test_what_breaks_the_schema_is_a_422(client: Tenant, body: bytes) -> None:
    problem_in(await client.http.post("/api/v1/search", content=body, headers=JSON), 422)


async def test_what_was_refused_is_not_repeated(client: Tenant) -> None:
    canary = "canary-5f3b"
    bodies: list[dict[str, Any]] = [
        {"query": {"a": canary}},
        {"query": "x", "limit": canary},
        {"query": "x", "search_type": canary},
        {"query": "x", "collection": f"/{canary}"},
        {"query": "x", "filter": {"a": {"b": canary}, "c": {"$in": canary}}},
    ]
    for body in bodies:
        problem = problem_in(await client.http.post("/api/v1/search", json=body), 422)
        assert canary not in str(problem)
    asked = await client.http.post("/query", json={"query": "x", "conversation_id": canary})
    assert canary not in str(problem_in(asked, 422))
    address = await client.http.get(f"/conversations/{canary}")
    assert canary not in str(problem_in(address, 422))


async def test_a_field_that_is_wrong_is_named_by_a_json_pointer(client: Tenant) -> None:
    response = await client.http.post("/api/v1/search", json={"query": "x", "a/b~c": 1})
    problem = problem_in(response, 422)
    assert problem["errors"][0]["pointer"] == "/body/a~1b~0c"
    assert problem["errors"][0]["code"] == "extra_forbidden"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_json_under_another_name_is_a_415(client: Tenant, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    response = await client.http.post("/query", content=b'{"query": "x"}', headers=headers)
    problem = problem_in(response, 415)
    assert "Content-Type: application/json" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/documents/a%00b", 422),
        ("/documents?cursor=%00", 422),
        ("/documents?collection=a%00", 422),
        ("/documents?cursor=nonsense", 422),
        ("/documents?cursor=%F0%9F%92%A9", 422),
        ("/documents?cursor=MjAyNi0wMS0wMSB4", 422),
        ("/documents?limit=1000000000", 422),
        ("/documents?limit=x", 422),
        ("/documents?limit=-1", 422),
        ("/documents?limit=" + "9" * 5000, 422),
        ("/documents?status=gone", 422),
        ("/documents?collection=nowhere", 404),
        ("/documents/%ED%A0%80", 404),
        ("/documents/%FF%FE", 404),
        ("/documents/" + "x" * 5000, 404),
        ("/documents/'%20OR%201=1%20--", 404),
        ("/documents/%2e%2e%2f%2e%2e%2fetc%2fpasswd/content", 404),
        ("/conversations?offset=1000000000000", 422),
        ("/conversations/x", 422),
        ("/conversations/00000000-0000-0000-0000-000000000000?last=0", 422),
        ("/api/v1/collections/a%20b", 422),
    ],
)
async def test_a_strange_address_is_refused(client: Tenant, path: str, status: int) -> None:
    problem_in(await client.http.get(path), status)


async def test_a_wrong_method_is_a_405_that_names_the_right_ones(client: Tenant) -> None:
    response = await client.http.put("/api/v1/search", json={})
    problem_in(response, 405)
    assert response.headers["allow"] == "POST"


async def test_an_error_that_nobody_expected_is_a_problem_with_an_id(
    make_tenant: MakeTenant, services: Services
) -> None:
    tenant = await make_tenant()
    begun = (await tenant.http.post("/conversations", json={})).json()["id"]
    async with services.database.transaction(tenant.id) as connection:
        # No code of ours stores a message like this.
        await connection.execute(
            "INSERT INTO messages (id, tenant_id, conversation_id, role, content, metadata)"
            " VALUES (gen_random_uuid(), %s, %s, 'user', 'x', '[1]')",
            (tenant.id, begun),
        )
    response = await tenant.http.get(f"/conversations/{begun}")
    problem = problem_in(response, 500)
    assert problem["code"] == "internal_error"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "TypeError" not in response.text
