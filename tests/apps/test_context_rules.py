"""What the context endpoints keep to themselves and what they refuse, over HTTP."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tests.apps.problems import problem_in
from tests.apps.remembering import ok, post, remember, settled
from tests.conftest import MakeTenant, Tenant

from groundwell.domain.identity import Scope

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
async def caller(make_tenant: MakeTenant) -> Tenant:
    """A service that only sends what is refused."""
    return await make_tenant()


PERSONAL = (
    "Anna Quill wrote from anna.quill@mail.example, +49 30 5550123, card 4111 1111 1111 1111, "
    "IBAN DE89 3704 0044 0532 0130 00, host 203.0.113.77, 12 Quillwood Street."
)
SECRETS = ["Quill", "anna.quill", "5550123", "4111", "3704", "203.0.113", "Quillwood"]


async def test_personal_data_are_neither_stored_nor_embedded_nor_logged(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await remember(
        tenant, "ann", "conversation", PERSONAL, profile={"name": "Anna Quill"}, mood="good"
    )
    (document,) = await settled(tenant)
    text = (await tenant.http.get(f"/api/v1/documents/{document['document_id']}/text")).json()
    expected = "[name] wrote from [email], [phone], card [card], IBAN [iban], host [ip], [address]."
    assert text["text"] == expected
    assert document["metadata"] == {
        "mood": "good",
        "user_id": "ann",
        "content_type": "conversation",
    }
    same = await remember(tenant, "ann", "conversation", expected)
    assert made["embedding"] == pytest.approx(same["embedding"], abs=1e-6)
    for path in ("search/hybrid", "rag/query"):
        found = await post(tenant, path, query=PERSONAL, user_id="ann")
        assert not [secret for secret in SECRETS if secret in found.text]
    await post(tenant, "rerank", query=PERSONAL, candidates=[PERSONAL], user_id="ann")
    await post(
        tenant, "rerank", query=PERSONAL, candidates=[PERSONAL], user_id="ann", top_k=PERSONAL
    )
    assert not [secret for secret in SECRETS if secret in caplog.text]


async def test_a_query_with_personal_data_finds_its_text(tenant: Tenant) -> None:
    await remember(tenant, "ann", "conversation", "Write to joe@gym.example about the lockers.")
    await settled(tenant)
    found = await ok(tenant, "search/hybrid", query="joe@gym.example", user_id="ann")
    assert found["results"][0]["content"] == "Write to [email] about the lockers."


CALLS: dict[str, dict[str, Any]] = {
    "embeddings/generate": {"text": "x", "content_type": "goal"},
    "search/hybrid": {"query": "x"},
    "rerank": {"query": "x", "candidates": ["y"]},
    "rag/query": {"query": "x"},
}


@pytest.mark.parametrize("path", CALLS)
async def test_a_key_without_admin_speaks_for_its_own_user_only(
    make_tenant: MakeTenant, path: str
) -> None:
    user = await make_tenant((Scope.READ, Scope.WRITE))
    refused = problem_in(await post(user, path, user_id="somebody", **CALLS[path]), 403)
    assert refused["code"] == "foreign_user"
    await ok(user, path, user_id=str(user.user), **CALLS[path])


async def test_another_tenant_s_user_of_the_same_id_is_another_user(
    make_tenant: MakeTenant, tenant: Tenant
) -> None:
    other = await make_tenant()
    await remember(other, "ann", "workout", "Bench press 3x5 at 80 kg.")
    await settled(other)
    await remember(tenant, "ann", "workout", "Rowing 20 minutes.")
    await settled(tenant)
    found = await ok(tenant, "search/hybrid", query="bench press", user_id="ann", limit=100)
    assert {result["content"] for result in found["results"]} == {"Rowing 20 minutes."}


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("embeddings/generate", {"content_type": "meal"}),
    ("embeddings/generate", {"content_type": None}),
    ("embeddings/generate", {"text": " \n"}),
    ("embeddings/generate", {"text": "x" * 50_001}),
    ("embeddings/generate", {"metadata": []}),
    ("embeddings/generate", {"metadata": {"user_id": "ben"}}),
    ("embeddings/generate", {"metadata": {"content_type": "workout"}}),
    ("embeddings/generate", {"metadata": {"a": "x" * 20_000}}),
    ("search/hybrid", {"search_type": "magic"}),
    ("search/hybrid", {"limit": 0}),
    ("search/hybrid", {"limit": 101}),
    ("search/hybrid", {"threshold": 1.01}),
    ("search/hybrid", {"threshold": -0.01}),
    ("search/hybrid", {"collection": "default"}),
    ("search/hybrid", {"query": "x" * 10_001}),
    ("search/hybrid", {"query": "  "}),
    ("rerank", {"candidates": []}),
    ("rerank", {"candidates": ["x"] * 101}),
    ("rerank", {"candidates": ["x" * 4001]}),
    ("rerank", {"candidates": ["x", None]}),
    ("rerank", {"candidates": "x"}),
    ("rerank", {"top_k": 0}),
    ("rag/query", {"include_context": ["sleep"]}),
    ("rag/query", {"include_context": []}),
    ("rag/query", {"include_context": "goals"}),
    ("rag/query", {"max_context_items": 0}),
    ("rag/query", {"max_context_items": 51}),
]


@pytest.mark.parametrize(("path", "change"), WRONG)
async def test_what_breaks_the_rules_is_a_422(
    caller: Tenant, path: str, change: dict[str, Any]
) -> None:
    body = {"user_id": "ann", **CALLS[path], **change}
    problem_in(await post(caller, path, **body), 422)


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("user", ["", " ", "two words", "x" * 201, "ü", "a\n", 5, None, ["ann"]])
async def test_a_user_id_that_is_none_is_a_422(caller: Tenant, path: str, user: object) -> None:
    problem_in(await post(caller, path, **CALLS[path], user_id=user), 422)


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("value", [b"NaN", rb'"\u0000"', rb'"\ud800"', b'"\xff"'])
async def test_what_is_not_json_is_a_400(caller: Tenant, path: str, value: bytes) -> None:
    content = b'{"user_id": "ann", "query": ' + value + b', "text": ' + value + b"}"
    response = await caller.http.post(f"/api/v1/{path}", content=content, headers=JSON)
    assert problem_in(response, 400)["code"] == "invalid_json"
