"""Odd and hostile queries and filters: each is served or refused in words, and soon."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from tests.apps.problems import problem_in
from tests.conftest import MakeTenant, Tenant, upload_texts

JSON = {"Content-Type": "application/json"}
# Far more than the worst of them takes, also on a busy machine.
SECONDS = 60
USER = {"user_id": "ann"}
# What each endpoint that takes a query needs beside it.
ENDPOINTS: dict[str, dict[str, Any]] = {
    "/api/v1/search": {"explain": True},
    "/api/v1/ask": {},
    "/query": {"stream": False},
    "/api/v1/search/hybrid": USER,
    "/api/v1/rerank": {**USER, "candidates": ["an arch bridge", "", "🙂", "糖尿病", "the of and"]},
    "/api/v1/rag/query": USER,
}
DOCUMENTS = [
    {"id": "arch", "text": "An arch bridge carries load as thrust.", "metadata": {"year": 2020}},
    {"id": "tea", "text": "Green tea, 绿茶, is steeped below boiling.", "metadata": {"year": 2021}},
    {"id": "smile", "text": "🙂 means a smile. The of and to."},
]


@pytest.fixture(scope="module")
async def client(make_tenant: MakeTenant) -> Tenant:
    tenant = await make_tenant()
    await upload_texts(tenant, DOCUMENTS)
    await upload_texts(tenant, [{"text": "Bench press.", "metadata": USER}], "context")
    return tenant


async def post(client: Tenant, path: str, body: object) -> httpx.Response:
    async with asyncio.timeout(SECONDS):
        return await client.http.post(path, content=orjson.dumps(body), headers=JSON)


SERVED = {
    "one letter": "a",
    "one digit": "7",
    "one mark": "?",
    "stop words": "the of and to",
    "emoji": "🙂🙃🫠",
    "a family": "👩‍👩‍👧‍👦",
    "flags": "🇩🇪🇫🇷" * 100,
    "mixed scripts": "bridge 桥 мост جسر γέφυρα สะพาน पुल",
    "one unspaced word": "糖尿病患者应该如何控制饮食" * 300,
    "control characters": "bridge \x01\x02\x1b[31m\x7f\x85",
    "directions turned": "\u202egdirb \u2066hcra\u2069",
    "no width": "\u200b\u200d\ufeff",
    "no characters": "\ufffe\uffff\U0010ffff\ud7ff\ue000",
    "marks upon marks": "e" + "\u0301" * 5000,
    "ligatures": "ﷺ" * 1000,
    "10,000 characters": "x" * 10_000,
    "10,000 astral characters": "🙂" * 10_000,
    "3,333 words": "a1 " * 3333,
    "1,600 different words": " ".join(f"w{number}" for number in range(1600)),
    "the same word again": "bridge " * 1400,
    "10,000 dots": "." * 10_000,
    "an endless compound": "a-" * 4999 + "a",
    "an endless acronym": "a." * 5000,
    "apostrophes": "'" * 10_000,
    "operators of text search": "arch & | ! <-> (bridge:*) 'a' \\",
    "a sparse vector": "{1:1e39}/3",
    "sql": "'; DROP TABLE chunks; --",
    "a pattern": "%_\\%[a-z]*(a+)+$",
    "a template": "{{7*7}} ${jndi:ldap://x} <script>",
    "a path": "../../etc/passwd",
    "a number": "9" * 400,
    "numbers with commas": "1,000," * 1600,
    "null": "null",
}
REFUSED = {
    "nothing": "",
    "blanks": " \t\r\n",
    "wide blanks": "\u3000\u2003\xa0",
    "10,001 characters": "x" * 10_001,
    "an object": {"$ne": ""},
    "a list": ["x"],
    "a number": 5,
    "true": True,
    "null": None,
}


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("query", SERVED.values(), ids=SERVED.keys())
async def test_an_odd_query_is_served(client: Tenant, path: str, query: str) -> None:
    response = await post(client, path, {**ENDPOINTS[path], "query": query})
    assert response.status_code == 200, response.text[:500]
    assert "NaN" not in response.text
    assert "degraded" not in response.json() or response.json()["degraded"] == []


@pytest.mark.parametrize("search_type", ["keyword", "semantic"])
@pytest.mark.parametrize("query", SERVED.values(), ids=SERVED.keys())
async def test_an_odd_query_is_served_by_each_leg(
    client: Tenant, search_type: str, query: str
) -> None:
    body = {"query": query, "search_type": search_type, "rerank": False}
    response = await post(client, "/api/v1/search", body)
    assert response.status_code == 200, response.text[:500]
    assert all(0 <= result["score"] <= 1 for result in response.json()["results"])


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_no_query_is_a_422(client: Tenant, path: str, query: object) -> None:
    problem = problem_in(await post(client, path, {**ENDPOINTS[path], "query": query}), 422)
    assert problem["errors"][0]["pointer"] == "/body/query"


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("text", [rb"\ud800", rb"a\u0000", rb"\udfff\ud800", b"\xff"])
async def test_what_is_no_text_is_a_400(client: Tenant, path: str, text: bytes) -> None:
    rest = orjson.dumps(ENDPOINTS[path])[1:-1]
    body = b'{"query": "' + text + b'"' + (b", " if rest else b"") + rest + b"}"
    async with asyncio.timeout(SECONDS):
        response = await client.http.post(path, content=body, headers=JSON)
    assert problem_in(response, 400)["code"] == "invalid_json"


@pytest.mark.parametrize("query", SERVED.values(), ids=SERVED.keys())
async def test_an_odd_query_can_be_judged(client: Tenant, query: str) -> None:
    judgements = [{"query": query, "relevant": [{"document_id": "arch"}]}]
    made = await post(client, "/api/v1/evals/sets", {"name": "odd", "judgements": judgements})
    assert made.status_code == 201, made.text[:500]
    gone = await client.http.delete(f"/api/v1/evals/sets/{made.json()['id']}")
    assert gone.status_code == 204


@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_no_query_is_not_judged(client: Tenant, query: object) -> None:
    judgements = [{"query": query, "relevant": [{"document_id": "arch"}]}]
    body = {"name": "refused", "judgements": judgements}
    problem_in(await post(client, "/api/v1/evals/sets", body), 422)


def nested(levels: int, key: str) -> dict[str, Any]:
    """A filter of so many levels."""
    value: Any = {"year": 1}
    for _ in range(levels):
        value = {key: [value] if key in ("$and", "$or") else value}
    return dict(value)


BAD_FILTERS: dict[str, object] = {
    "an unknown operator": {"year": {"$regex": ".*"}},
    "an unknown clause": {"$where": "sleep(10)"},
    "code": {"$expr": {"$function": {"body": "while(1);"}}},
    "quotes": {"a' OR '1'='1": 1},
    "double quotes": {'a"."b': 1},
    "a json path": {"$.year ? (@ > 0)": 1},
    "sql": {"year) OR 1=1 --": 1},
    "a prototype with a dollar": {"$__proto__": {"admin": True}},
    "a long name": {"x" * 65: 1},
    "a very long name": {"x" * 900_000: 1},
    "a name in greek": {"έτος": 1},
    "a name of emoji": {"🙂": 1},
    "a name with a line end": {"year\n": 1},
    "no name": {"": 1},
    "7 levels of $or": nested(7, "$or"),
    "100 levels of $and": nested(100, "$and"),
    "a list of 1,001": {"year": {"$in": list(range(1001))}},
    "a list of 90,000": {"year": {"$nin": list(range(90_000))}},
    "65 conditions": {f"f{number}": 1 for number in range(65)},
    "40,000 parts": {"$or": [{"year": 1}] * 40_000},
    "an empty part": {"$and": [{}]},
    "no parts": {"$or": []},
    "a string of parts": {"$and": "year"},
    "an object for a value": {"year": {"$eq": {"a": 1}}},
    "a list in a list": {"year": {"$in": [[1]]}},
    "an empty condition": {"year": {}},
    "null to compare with": {"year": {"$gt": None}},
    "true to compare with": {"year": {"$lte": True}},
    "no list": {"year": {"$in": 5}},
    "a string": "year = 2020",
    "a list": [{"year": 2020}],
    "a number": 2020,
}
ODD_FILTERS: dict[str, tuple[dict[str, Any], int]] = {
    "an unknown field": ({"nowhere": 1}, 0),
    "a prototype": ({"__proto__": {"$ne": 1}}, 3),
    "a constructor": ({"constructor.prototype": "x"}, 0),
    "dots": ({"a.....b": 1}, 0),
    "sql in a value": ({"year": "' OR 1=1 --"}, 0),
    "a path in a value": ({"year": '" || true || "'}, 0),
    "backslashes in a value": ({"year": '\\" || 1 == 1 || \\"\\'}, 0),
    "a line end in a value": ({"year": {"$ne": "\r\n\t\x01\x1f"}}, 3),
    "a million characters": ({"year": "x" * 900_000}, 0),
    "1,000 long strings": ({"year": {"$nin": ["x" * 800 + str(n) for n in range(1000)]}}, 3),
    "the other kind": ({"year": {"$gt": "2000"}}, 0),
    "beyond 64 bits": ({"year": {"$lt": 1e300}}, 2),
    "the least fraction": ({"year": {"$gt": 5e-324}}, 2),
    "an empty list": ({"year": {"$in": []}}, 0),
    "nothing is excluded": ({"year": {"$nin": []}}, 3),
    "null": ({"year": None}, 0),
    "no filter": ({}, 3),
    "5 levels": (nested(5, "$not"), 3),
    "64 conditions": ({f"f{number}": {"$ne": 1} for number in range(64)}, 3),
}


@pytest.mark.parametrize("filter_", BAD_FILTERS.values(), ids=BAD_FILTERS.keys())
async def test_a_filter_that_breaks_the_rules_is_a_422(client: Tenant, filter_: object) -> None:
    for path in ("/api/v1/search", "/api/v1/ask"):
        problem_in(await post(client, path, {"query": "bridge", "filter": filter_}), 422)
    run = {"set": "nothing", "config": {"filter": filter_}}
    problem_in(await post(client, "/api/v1/evals/runs", run), 422)


@pytest.mark.parametrize(("levels", "status"), [(1000, 422), (100_000, 400)])
async def test_a_filter_of_many_levels_is_refused(client: Tenant, levels: int, status: int) -> None:
    filter_ = b'{"$not":' * levels + b'{"year":1}' + b"}" * levels
    run = b'{"set": "nothing", "config": {"filter": ' + filter_ + b"}}"
    search = b'{"query": "x", "filter": ' + filter_ + b"}"
    for path, body in (("search", search), ("ask", search), ("evals/runs", run)):
        async with asyncio.timeout(SECONDS):
            response = await client.http.post(f"/api/v1/{path}", content=body, headers=JSON)
        problem_in(response, status)


@pytest.mark.parametrize(("filter_", "found"), ODD_FILTERS.values(), ids=ODD_FILTERS.keys())
async def test_an_odd_filter_finds_what_it_says(
    client: Tenant, filter_: dict[str, Any], found: int
) -> None:
    response = await post(client, "/api/v1/search", {"query": "bridge", "filter": filter_})
    assert response.status_code == 200, response.text[:500]
    assert len(response.json()["results"]) == found
    asked = await post(client, "/api/v1/ask", {"query": "bridge", "filter": filter_})
    assert asked.status_code == 200, asked.text[:500]


@pytest.mark.parametrize("path", ["/api/v1/search/hybrid", "/api/v1/rag/query", "/api/v1/rerank"])
async def test_who_may_see_a_user_s_texts_cannot_be_changed_by_a_filter(
    client: Tenant, path: str
) -> None:
    body = {**ENDPOINTS[path], "query": "bench", "filter": {"user_id": {"$ne": "ann"}}}
    problem = problem_in(await post(client, path, body), 422)
    assert problem["errors"][0]["pointer"] == "/body/filter"


async def test_the_largest_ranking_of_odd_texts_is_served(client: Tenant) -> None:
    candidates = [(query * 4000)[:4000] for query in SERVED.values()]
    body = {**USER, "query": "bridge", "candidates": candidates, "top_k": 100}
    response = await post(client, "/api/v1/rerank", body)
    assert response.status_code == 200, response.text[:500]
    ranked = response.json()["reranked"]
    assert sorted(item["original_rank"] for item in ranked) == list(range(1, len(SERVED) + 1))
    assert all(0 <= item["relevance_score"] <= 1 for item in ranked)
