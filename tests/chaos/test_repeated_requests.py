"""The same upload many times at once, and again: one document, and the same answer."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from tests.chaos.place import is_refusal
from tests.conftest import MakeTenant, Tenant, upload
from tests.e2e.running import processes_of, running, start

from groundwell.store.database import owner_options

AT_ONCE = 50
CONTENT = b"The same bytes, many times at once."


async def send(client: httpx.AsyncClient, key: str | None, content: bytes) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    files = {"file": ("same.txt", content)}
    return await client.post("/documents", files=files, headers=headers)


async def documents_of(client: httpx.AsyncClient) -> int:
    answer = await client.get("/documents")
    return sum(answer.json()["counts"].values())


def say(what: str, answers: list[httpx.Response], documents: int) -> None:
    kinds = Counter((answer.status_code, answer.text) for answer in answers)
    sys.stdout.write(
        f"\n{len(answers)} uploads of the same bytes at once, {what}: {documents} document,"
        f" answers {sorted(kinds.values())} times the same\n"
    )


async def test_fifty_uploads_at_once_under_one_key_are_one_document_and_fifty_equal_answers(
    tenant: Tenant,
):
    answers = await asyncio.gather(*(send(tenant.http, "one", CONTENT) for _ in range(AT_ONCE)))
    documents = await documents_of(tenant.http)
    say("under one key", answers, documents)
    assert documents == 1
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert answers[0].status_code == 202


async def test_fifty_uploads_at_once_without_a_key_are_one_document(tenant: Tenant):
    answers = await asyncio.gather(*(send(tenant.http, None, CONTENT) for _ in range(AT_ONCE)))
    documents = await documents_of(tenant.http)
    say("without a key", answers, documents)
    assert documents == 1
    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: AT_ONCE - 1}
    assert len({answer.json()["document_id"] for answer in answers}) == 1


@pytest.mark.slow
async def test_two_server_processes_on_one_database_give_the_same_answers(tmp_path: Path):
    with running(tmp_path / "data", "--no-worker") as first:
        second = start(tmp_path / "data", "--no-worker")
        try:
            url = re.findall(r"is ready at (http://[\d.:]+)", second.said.read_text())[0]
            headers = {"Authorization": f"Bearer {first.key}"}
            async with (
                httpx.AsyncClient(base_url=first.url, headers=headers, timeout=60) as one,
                httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as two,
            ):
                assert one.base_url != two.base_url
                answers = await asyncio.gather(
                    *(send((one, two)[n % 2], "one", CONTENT) for n in range(AT_ONCE))
                )
                documents = await documents_of(one)
                await asyncio.gather(
                    *(send((one, two)[n % 2], None, b"Others.") for n in range(AT_ONCE))
                )
                assert await documents_of(two) == 2
        finally:
            second.stop()
            assert second.process.pid not in [p.pid for p in processes_of(tmp_path / "data")]
    say("under one key, to two processes", answers, documents)
    assert documents == 1
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1


async def test_a_key_belongs_to_its_first_request(tenant: Tenant):
    first = await send(tenant.http, "mine", CONTENT)
    again = await send(tenant.http, "mine", CONTENT)
    assert (again.status_code, again.text) == (first.status_code, first.text)
    for other in (
        await send(tenant.http, "mine", b"Other bytes."),
        await tenant.http.post(
            "/documents",
            files={"file": ("same.txt", CONTENT)},
            data={"title": "Another title"},
            headers={"Idempotency-Key": "mine"},
        ),
        await tenant.http.post(
            "/documents/batch", json=[{"text": "A text."}], headers={"Idempotency-Key": "mine"}
        ),
    ):
        assert is_refusal(other, 409, "idempotency_mismatch"), other.text
    assert await documents_of(tenant.http) == 1


async def test_a_batch_under_a_key_is_done_once(tenant: Tenant):
    async def post(text: str) -> httpx.Response:
        return await tenant.http.post(
            "/documents/batch", json=[{"text": text}] * 2, headers={"Idempotency-Key": "batch"}
        )

    answers = await asyncio.gather(*(post("One text.") for _ in range(10)))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert len(json.loads(answers[0].text)["documents"]) == 2
    assert is_refusal(await post("Another text."), 409, "idempotency_mismatch")
    assert await documents_of(tenant.http) == 1


async def test_a_request_that_was_refused_leaves_its_key_free(tenant: Tenant):
    assert (await send(tenant.http, "free", b"")).status_code == 422
    assert (await send(tenant.http, "free", CONTENT)).status_code == 202


async def test_tenants_do_not_meet_in_their_keys(tenant: Tenant, make_tenant: MakeTenant):
    other = await make_tenant()
    assert (await send(tenant.http, "shared", CONTENT)).status_code == 202
    assert (await send(other.http, "shared", b"Other bytes.")).status_code == 202


async def test_a_key_is_forgotten_after_a_day(tenant: Tenant, services_url: str):
    key = f"old-{uuid4()}"
    assert (await send(tenant.http, key, CONTENT)).status_code == 202
    with psycopg.connect(services_url, options=owner_options(), autocommit=True) as owner:
        for hours, status in ((23, 409), (2, 202)):
            owner.execute(
                "UPDATE idempotency_keys SET created_at = created_at - make_interval(hours => %s)"
                " WHERE key = %s",
                (hours, key),
            )
            assert (await send(tenant.http, key, b"Other bytes.")).status_code == status


async def test_the_same_request_without_a_key_is_still_the_same_document(tenant: Tenant):
    first = await upload(tenant, "same.txt", CONTENT)
    again = await upload(tenant, "same.txt", CONTENT)
    assert (first.status_code, again.status_code) == (202, 200)
