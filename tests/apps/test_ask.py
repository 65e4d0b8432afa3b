"""Asking over HTTP: answers, streams and conversations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
from tests.apps.test_documents import events_of
from tests.conftest import MakeTenant, Tenant, finished, upload, upload_texts
from tests.fakes.language_model import FakeLanguageModel, Script

from groundwell.domain.errors import ProviderError
from groundwell.generation.answer import Answerer
from groundwell.main import create_app
from groundwell.services import Services

TIDES = {
    "id": "tides",
    "title": "Tides",
    "text": (
        "Spring tides occur at new moon and at full moon. "
        "Neap tides occur when Sun and Moon pull at right angles."
    ),
}
QUESTION = "When do spring tides occur?"


@pytest.fixture
async def asker(tenant: Tenant) -> Tenant:
    await upload_texts(tenant, [TIDES])
    return tenant


async def test_an_answer_has_a_citation_for_each_marker(asker: Tenant) -> None:
    response = await asker.http.post("/api/v1/ask", json={"query": QUESTION})
    answer = response.json()
    assert response.status_code == 200
    assert "new moon" in answer["answer"]
    assert answer["mode"] == "extractive"
    assert answer["fallback_used"] is False
    assert answer["revised"] is False
    markers = [citation["marker"] for citation in answer["citations"]]
    assert markers == list(range(1, len(markers) + 1))
    assert markers
    assert all(f"[{marker}]" in answer["answer"] for marker in markers)
    for citation in answer["citations"]:
        assert citation["document_id"] == "tides"
        span = slice(citation["char_start"], citation["char_end"])
        assert citation["quote"] == TIDES["text"][span]


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/api/v1/ask", {"stream": True}, {}),
        ("/api/v1/ask", {}, {"Accept": "text/event-stream"}),
        ("/query", {}, {}),
    ],
)
async def test_a_stream_tells_sources_text_citations_and_the_whole_answer_in_this_order(
    asker: Tenant, path: str, body: dict[str, object], headers: dict[str, str]
) -> None:
    response = await asker.http.post(path, json={"query": QUESTION, **body}, headers=headers)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    events = events_of(response)
    names = [name for name, _ in events]
    assert names[0] == "search_results"
    assert names[-2:] == ["final_answer", "done"]
    assert names.index("message") < names.index("citation")
    assert set(names[1:-2]) == {"message", "citation"}
    final = events[-2][1]
    deltas = "".join(str(data["delta"]) for name, data in events if name == "message")
    assert deltas == final["answer"]
    assert final["revised"] is False
    assert [data for name, data in events if name == "citation"] == final["citations"]


async def test_the_stream_and_the_plain_answer_are_the_same(asker: Tenant) -> None:
    plain = (await asker.http.post("/query", json={"query": QUESTION, "stream": False})).json()
    stream = events_of(await asker.http.post("/query", json={"query": QUESTION}))[-2][1]
    plain.pop("conversation_id")
    stream.pop("conversation_id")
    assert plain == stream


async def test_what_no_document_says_is_said_to_be_not_found(asker: Tenant) -> None:
    question = {"query": "What is the boiling point of tungsten hexafluoride?", "threshold": 0.9}
    answer = (await asker.http.post("/api/v1/ask", json=question)).json()
    assert answer["mode"] == "not_found"
    assert answer["citations"] == []
    assert answer["answer"]


async def test_a_conversation_keeps_questions_and_answers_in_order(asker: Tenant) -> None:
    first = (await asker.http.post("/api/v1/ask", json={"query": QUESTION})).json()
    again = {"query": "And when do neap tides occur?", "conversation_id": first["conversation_id"]}
    second = (await asker.http.post("/api/v1/ask", json=again)).json()
    assert second["conversation_id"] == first["conversation_id"]
    stored = await asker.http.get(f"/conversations/{first['conversation_id']}")
    messages = stored.json()["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2
    assert [message["content"] for message in messages] == [
        QUESTION,
        first["answer"],
        again["query"],
        second["answer"],
    ]
    assert messages[1]["metadata"]["mode"] == first["mode"]
    kept = messages[1]["metadata"]["citations"]
    assert [item["quote"] for item in kept] == [item["quote"] for item in first["citations"]]
    assert stored.json()["title"] == QUESTION


async def test_a_streamed_answer_is_stored_as_well(asker: Tenant) -> None:
    final = events_of(await asker.http.post("/query", json={"query": QUESTION}))[-2][1]
    stored = await asker.http.get(f"/api/v1/conversations/{final['conversation_id']}")
    assert [message["role"] for message in stored.json()["messages"]] == ["user", "assistant"]


Scripted = Callable[..., AbstractAsyncContextManager[tuple[Tenant, FakeLanguageModel]]]


@pytest.fixture
def scripted(services: Services, asker: Tenant) -> Scripted:
    """Opens the asker's client on an app whose language model follows the scripts."""

    @asynccontextmanager
    async def open_with(*scripts: Script) -> AsyncIterator[tuple[Tenant, FakeLanguageModel]]:
        model = FakeLanguageModel(list(scripts))
        answerer = Answerer(services.embedder, model)

        @asynccontextmanager
        async def opening() -> AsyncIterator[Services]:
            yield replace(services, answerer=answerer)

        application = create_app(opening())
        async with (
            application.router.lifespan_context(application),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=application),
                base_url="http://groundwell.test",
                headers={"Authorization": f"Bearer {asker.key}"},
            ) as client,
        ):
            yield replace(asker, http=client), model

    return open_with


BREAKS_OFF: Script = ["Spring tides occur at new", ProviderError("The model is gone.")]


async def test_a_model_that_breaks_off_is_replaced_where_nothing_has_reached_the_client(
    scripted: Scripted,
) -> None:
    async with scripted(BREAKS_OFF, BREAKS_OFF) as (asker, _):
        for path in ("/api/v1/ask", "/query"):
            response = await asker.http.post(path, json={"query": QUESTION, "stream": False})
            answer = response.json()
            assert response.status_code == 200
            assert (answer["mode"], answer["fallback_used"]) == ("extractive", True)
            assert answer["degraded"] == ["language_model"]
            assert answer["citations"]


async def test_a_question_is_kept_when_its_answer_fails_and_told_to_the_model_once(
    scripted: Scripted,
) -> None:
    good = ["Spring tides occur at new moon [1]."]
    async with scripted(BREAKS_OFF, good) as (asker, model):
        events = events_of(await asker.http.post("/query", json={"query": QUESTION}))
        assert [name for name, _ in events][-2:] == ["error", "done"]
        listed = (await asker.http.get("/conversations")).json()["conversations"]
        address = f"/conversations/{listed[0]['id']}"
        messages = (await asker.http.get(address)).json()["messages"]
        told = "Spring tides occur at new"
        assert [(m["role"], m["content"]) for m in messages] == [
            ("user", QUESTION),
            ("assistant", told),
        ]
        assert messages[1]["metadata"]["state"] == "incomplete"

        again = {"query": "And which tides occur at new moon?", "conversation_id": listed[0]["id"]}
        answer = (await asker.http.post("/api/v1/ask", json=again)).json()
        assert answer["mode"] == "generated"
        messages = (await asker.http.get(address)).json()["messages"]
        assert [m["role"] for m in messages] == ["user", "assistant", "user", "assistant"]
        assert "state" not in messages[3]["metadata"]
        shown = "".join(message.content for message in model.prompts[1])
        assert (shown.count(QUESTION), shown.count(again["query"])) == (1, 1)
        # Half an answer was never checked.
        assert f"assistant: {told}" not in shown


async def test_a_stream_says_that_the_whole_answer_is_not_what_was_told_before(
    scripted: Scripted,
) -> None:
    bad, good = ["There are 900 [1]."], ["Spring tides occur at new moon [1]."]
    async with scripted(bad, good, good) as (asker, _):
        mended = events_of(await asker.http.post("/query", json={"query": QUESTION}))
        plain = events_of(await asker.http.post("/query", json={"query": QUESTION}))
    assert mended[-2][1]["answer"] == plain[-2][1]["answer"] == good[0]
    assert mended[-2][1]["revised"] is True
    assert plain[-2][1]["revised"] is False
    announced = [data for name, data in mended if name == "citation"]
    citations = mended[-2][1]["citations"]
    assert isinstance(citations, list)
    assert citations
    assert all(citation in announced for citation in citations)


@pytest.mark.parametrize(
    ("name", "content", "query"),
    [
        ("staff.csv", "name,city\n髙橋淳,東京\n佐藤花子,大阪\n", "髙橋淳"),
        (
            "card.txt",
            "카드 이용 안내\n\n무이자할부는 3개월까지 이용할 수 있습니다.\n",
            "무이자할부",
        ),
    ],
)
async def test_words_that_stand_in_a_document_as_they_are_find_their_line(
    tenant: Tenant, name: str, content: str, query: str
) -> None:
    await upload(tenant, name, content.encode(), document_id=name)
    assert (await finished(tenant, name))["status"] == "complete"
    answer = (await tenant.http.post("/api/v1/ask", json={"query": query})).json()
    assert answer["mode"] == "extractive"
    assert query in answer["citations"][0]["quote"]
    assert query in answer["answer"]


async def test_conversations_can_be_made_listed_and_deleted(tenant: Tenant) -> None:
    made = await tenant.http.post("/conversations", json={"title": "Mine"})
    assert made.status_code == 201
    listed = (await tenant.http.get("/conversations")).json()["conversations"]
    assert [item["title"] for item in listed] == ["Mine"]
    address = f"/conversations/{made.json()['id']}"
    assert (await tenant.http.get(address)).json()["messages"] == []
    assert (await tenant.http.delete(address)).status_code == 204
    assert (await tenant.http.get(address)).status_code == 404


async def test_the_conversation_used_last_is_listed_first(asker: Tenant) -> None:
    old = (await asker.http.post("/conversations", json={"title": "Old"})).json()["id"]
    await asker.http.post("/conversations", json={"title": "New"})
    await asker.http.post("/api/v1/ask", json={"query": QUESTION, "conversation_id": old})
    listed = (await asker.http.get("/conversations", params={"limit": 1})).json()
    assert [item["id"] for item in listed["conversations"]] == [old]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_foreign_conversation_is_as_unknown_as_a_missing_one(
    asker: Tenant, make_tenant: MakeTenant, stream: bool
) -> None:
    other = await make_tenant()
    foreign = (await other.http.post("/conversations", json={})).json()["id"]
    for identity in (foreign, str(uuid4())):
        body = {"query": QUESTION, "conversation_id": identity, "stream": stream}
        response = await asker.http.post("/api/v1/ask", json=body)
        assert response.status_code == 404
        assert response.json()["code"] == "conversation_not_found"


@pytest.mark.parametrize("path", ["/api/v1/ask", "/query"])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"collection": "nowhere"}, 404, "collection_not_found"),
        ({"query": " "}, 422, "validation_failed"),
        ({"conversation_id": "x"}, 422, "validation_failed"),
    ],
)
async def test_a_bad_question_is_refused_before_the_stream_and_begins_no_conversation(
    asker: Tenant, path: str, body: dict[str, str], status: int, code: str
) -> None:
    response = await asker.http.post(path, json={"query": QUESTION, "stream": True, **body})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await asker.http.get("/conversations")).json() == {"conversations": []}


async def test_a_bad_filter_is_refused_before_the_stream(asker: Tenant) -> None:
    body = {"query": QUESTION, "stream": True, "filter": {"$where": "1"}}
    response = await asker.http.post("/api/v1/ask", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_filter")
    assert (await asker.http.get("/conversations")).json() == {"conversations": []}


async def test_a_filter_decides_what_an_answer_may_draw_on(tenant: Tenant) -> None:
    old = {"id": "old", "text": "The capital of Germany is Bonn.", "metadata": {"year": 1980}}
    new = {"id": "new", "text": "The capital of Germany is Berlin.", "metadata": {"year": 2000}}
    await upload_texts(tenant, [old, new])
    question = "What is the capital of Germany?"
    body = {"query": question, "filter": {"year": {"$lt": 1990}}, "threshold": 0}
    answer = (await tenant.http.post("/api/v1/ask", json=body)).json()
    assert {citation["document_id"] for citation in answer["citations"]} == {"old"}
    assert "Berlin" not in answer["answer"]
