"""What the remote embedder makes of a server's answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import httpx
import numpy as np
import pytest
from tests.waiting import first_good

from groundwell.adapters.embedder.openai import OpenAIEmbedder, WordTokenizer
from groundwell.domain.errors import (
    GroundwellError,
    ProviderError,
    ProviderTimeoutError,
    UnavailableError,
)

SECRET = "sk-very-secret"
TEXT = "a private text"

Handler = Callable[[httpx.Request], httpx.Response]


def make_embedder(
    handler: Handler, batch_size: int = 32, query_seconds: float = 60
) -> OpenAIEmbedder:
    return OpenAIEmbedder(
        base_url="http://model.test/v1/",
        api_key=SECRET,
        model="m",
        dimension=3,
        batch_size=batch_size,
        query_seconds=query_seconds,
        transport=httpx.MockTransport(handler),
    )


def items(*vectors: list[float]) -> str:
    return json.dumps({"data": [{"index": i, "embedding": v} for i, v in enumerate(vectors)]})


async def fail(handler: Handler, query_seconds: float = 60) -> GroundwellError:
    embedder = make_embedder(handler, query_seconds=query_seconds)
    with pytest.raises(GroundwellError) as caught:
        await embedder.embed_query(TEXT)
    await embedder.close()
    error = caught.value
    assert SECRET not in repr(error)
    assert TEXT not in repr(error)
    assert error.__cause__ is None
    return error


@pytest.mark.parametrize(
    "body",
    [
        items(),
        items([1, 0, 0], [0, 1, 0]),
        items([1, 0]),
        items([1, 0, 0, 0]),
        items([0, 0, 0]),
        '{"data": [{"index": 0, "embedding": [NaN, 1, 0]}]}',
        '{"data": [{"index": 0, "embedding": [Infinity, 1, 0]}]}',
        '{"data": [{"index": 1, "embedding": [1, 0, 0]}]}',
        '{"data": [{"index": 0, "embedding": "AACAPwAAAAAAAAAA"}]}',
        '{"error": "a private text"}',
        "<html>a private text</html>",
        "",
    ],
)
async def test_unusable_answer_is_a_provider_error(body: str):
    assert isinstance(await fail(lambda _: httpx.Response(200, text=body)), ProviderError)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("17", 17), ("1.2", 2), ("-1", 0), ("nan", 1), ("soon", 1), (None, 1)],
)
async def test_too_many_requests_is_unavailable_for_as_long_as_said(
    header: str | None, seconds: int | None
):
    headers = {} if header is None else {"Retry-After": header}
    # The pause is over a second, and would end after the deadline.
    error = await first_good(
        lambda: fail(lambda _: httpx.Response(429, headers=headers), query_seconds=0.9),
        lambda error: not isinstance(error, ProviderTimeoutError),
    )
    assert isinstance(error, UnavailableError)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_failing_server_is_unavailable(status: int):
    assert isinstance(await fail(lambda _: httpx.Response(status, text=TEXT)), UnavailableError)


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_refusing_server_is_a_provider_error(status: int):
    error = await fail(lambda _: httpx.Response(status, text=TEXT))
    assert isinstance(error, ProviderError)
    assert str(status) in error.detail


async def test_redirect_is_not_followed():
    hosts: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(307, headers={"Location": "http://elsewhere.test/"})

    assert isinstance(await fail(redirect), ProviderError)
    assert hosts == ["model.test"]


async def test_endless_answer_is_cut_off():
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 10_000
            yield b" " * 10_000

    error = await fail(lambda _: httpx.Response(200, content=endless()))
    assert isinstance(error, ProviderError)
    assert sent < 1_000_000


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError])
async def test_server_out_of_reach_is_unavailable(kind: type[httpx.TransportError]):
    def break_off(request: httpx.Request) -> httpx.Response:
        raise kind(TEXT, request=request)

    assert isinstance(await fail(break_off), UnavailableError)


async def test_texts_are_sent_in_batches_with_key_and_model():
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        count = len(json.loads(request.content)["input"])
        return httpx.Response(200, text=items(*[[3, 0, 4]] * count))

    embedder = make_embedder(answer, batch_size=2)
    encodings = await embedder.embed_documents(["one", "", "three"])
    await embedder.close()
    bodies = [json.loads(request.content) for request in requests]
    assert [body["input"] for body in bodies] == [["one", " "], ["three"]]
    assert {(body["model"], body["encoding_format"]) for body in bodies} == {("m", "float")}
    assert {str(request.url) for request in requests} == {"http://model.test/v1/embeddings"}
    assert {request.headers["Authorization"] for request in requests} == {f"Bearer {SECRET}"}
    np.testing.assert_allclose(encodings[2].vector, [0.6, 0, 0.8])


def test_stand_in_tokenizer_cuts_words_into_pieces():
    text = "hyperglycemia 糖尿, ok"
    pieces = [text[start:end] for start, end in WordTokenizer().spans(text)]
    assert pieces == ["hype", "rgly", "cemi", "a", "糖", "尿", ",", "ok"]
