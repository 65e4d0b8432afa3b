"""Large bodies and answers hold up nobody else: they are made in pieces, beside the event loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter, ValidationError
from tests.conftest import Tenant
from tests.security.loop_watch import watched_loop
from tests.security.seed import tell

from groundwell.apps.evals.schemas import SetDetail, SetIn
from groundwell.apps.library.schemas import BatchDocument
from groundwell.apps.library.synonym_schemas import Synonyms
from groundwell.apps.search.schemas import SearchIn

SETS = "/api/v1/evals/sets"
BATCH = "/api/v1/documents/batch"
SYNONYMS = "/api/v1/collections/default/synonyms"
SEARCH = "/api/v1/search"
JSON = {"Content-Type": "application/json"}
# What others wait for at most, as a share of what the body takes when it is checked in one go.
MOST_OF_THE_WHOLE = 1 / 2


def judged(queries: int, documents: int, **fields: int) -> dict[str, Any]:
    judgements = [
        {
            "query": f"what is number {query}",
            "relevant": [{"document_id": f"d-{query}-{n}", **fields} for n in range(documents)],
        }
        for query in range(queries)
    ]
    return {"name": f"{queries} queries", "judgements": judgements}


def names(count: int) -> dict[str, int]:
    return {f"n{number}": number for number in range(count)}


LARGE: dict[str, tuple[str, str, Any, Callable[[], Any], int]] = {
    "5,000 queries of 20 judgements": (
        "POST",
        SETS,
        SetIn,
        lambda: judged(5_000, 20, grade=1),
        201,
    ),
    "20,000 queries": ("POST", SETS, SetIn, lambda: judged(20_000, 12), 201),
    "wrong grades": ("POST", SETS, SetIn, lambda: judged(5_000, 20, grade=-1), 422),
    "unknown names": ("POST", SETS, SetIn, lambda: {"name": "x", **names(400_000)}, 400),
    "more texts than a batch has": (
        "POST",
        BATCH,
        list[BatchDocument],
        lambda: [{"text": "x"}] * 300_000,
        422,
    ),
    "unknown names of a search": (
        "POST",
        SEARCH,
        SearchIn,
        lambda: {"query": "x"} | names(70_000),
        400,
    ),
    "wrong synonyms": (
        "PUT",
        SYNONYMS,
        Synonyms,
        lambda: {"entries": {f"w{number}z": [1] * 10 for number in range(5_000)}},
        422,
    ),
}


@pytest.mark.parametrize(
    ("method", "address", "schema", "make", "status"), LARGE.values(), ids=LARGE.keys()
)
async def test_a_large_body_holds_up_nobody(
    tenant: Tenant, method: str, address: str, schema: object, make: Callable[[], Any], status: int
) -> None:
    content = orjson.dumps(make())
    await tenant.http.request(method, address, content=b"{}", headers=JSON)
    whole = seconds_in_one_go(TypeAdapter(schema), content)
    async with watched_loop() as stalls:
        answer = await tenant.http.request(method, address, content=content, headers=JSON)
    tell(
        f"{len(content) / 1e6:.1f} MB for {address}: {whole * 1000:.0f} ms in one go, others waited"
        f" for {stalls.longest_own * 1000:.0f} ms of work at most"
    )
    assert answer.status_code == status, answer.text
    assert stalls.longest_own < whole * MOST_OF_THE_WHOLE


def seconds_in_one_go(adapter: TypeAdapter[Any], content: bytes) -> float:
    """The control: what reading and checking as a whole takes here and now."""
    begun = time.thread_time()
    try:
        adapter.validate_python(orjson.loads(content))
    except ValidationError as error:
        error.errors()
    return time.thread_time() - begun


async def test_mistakes_far_inside_a_large_set_are_told_with_their_places(tenant: Tenant) -> None:
    body = judged(5_000, 3)
    body["judgements"][4_321]["relevant"][2] = {"document_id": "d", "grade": "1"}
    body["judgements"][4_999] = {"relevant": []}
    answer = await tenant.http.post(SETS, json=body)
    assert answer.status_code == 422
    assert [problem["pointer"] for problem in answer.json()["errors"]] == [
        "/body/judgements/4321/relevant/2/grade",
        "/body/judgements/4999/query",
        "/body/judgements/4999/relevant",
    ]


async def test_a_large_set_is_stored_as_it_was_sent(tenant: Tenant) -> None:
    body = judged(1_000, 9, grade=3)
    body["judgements"][7]["relevant"] = [{"document_id": f"d{n}"} for n in range(9_999)]
    made = await tenant.http.post(SETS, json=body)
    assert made.status_code == 201, made.text
    assert (made.json()["queries"], made.json()["judgements"]) == (1_000, 999 * 9 + 9_999)
    stored: list[Any] = []
    for offset in (0, 500):
        page = {"limit": 500, "offset": offset}
        read = await tenant.http.get(f"{SETS}/{made.json()['id']}", params=page)
        stored += read.json()["judged"]
    body["judgements"][7]["relevant"] = [{"document_id": f"d{n}", "grade": 1} for n in range(9_999)]
    for sent, found in zip(body["judgements"], stored, strict=True):
        assert sent["query"] == found["query"]
        assert {each["document_id"]: each["grade"] for each in sent["relevant"]} == {
            each["document_id"]: each["grade"] for each in found["relevant"]
        }


async def test_a_set_of_many_judgements_is_read_without_holding_up_anybody(tenant: Tenant) -> None:
    body = judged(30, 10_000, grade=1)
    made = await tenant.http.post(SETS, json=body)
    address = f"{SETS}/{made.json()['id']}"
    first = await tenant.http.get(address, params={"limit": 1})
    async with watched_loop() as stalls:
        answer = await tenant.http.get(address, params={"limit": 500})
    begun = time.thread_time()
    found = SetDetail.model_validate_json(answer.content)
    found.model_dump_json()
    whole = time.thread_time() - begun
    tell(
        f"{len(answer.content) / 1e6:.1f} MB of a set: {whole * 1000:.0f} ms in one go, others"
        f" waited for {stalls.longest_own * 1000:.0f} ms of work at most"
    )
    assert [query.query for query in found.judged] == [each["query"] for each in body["judgements"]]
    assert first.json()["judged"] == answer.json()["judged"][:1]
    assert stalls.longest_own < whole * MOST_OF_THE_WHOLE
