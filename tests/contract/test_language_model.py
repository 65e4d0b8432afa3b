"""What every language model promises, told to the fake and to the OpenAI adapter alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import orjson
import pytest
from tests.fakes.language_model import FakeLanguageModel

from groundwell.adapters.language_model.chain import ChainedLanguageModel
from groundwell.adapters.language_model.openai import OpenAILanguageModel
from groundwell.domain.answers import ChatMessage, Role
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.ports.language_model import LanguageModel

ASKED = (ChatMessage(Role.SYSTEM, "Be brief."), ChatMessage(Role.USER, "Why?"))

Provider = Callable[[Sequence[str]], AsyncIterator[LanguageModel]]


def _event(text: str, reason: str | None = None) -> bytes:
    choice = {"delta": {"content": text}, "finish_reason": reason}
    return b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n"


@asynccontextmanager
async def _fake(pieces: Sequence[str]) -> AsyncIterator[LanguageModel]:
    yield FakeLanguageModel([pieces])


@asynccontextmanager
async def _openai(pieces: Sequence[str]) -> AsyncIterator[LanguageModel]:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for piece in pieces:
            writer.write(_event(piece))
        writer.write(_event("", "stop") + b"data: [DONE]\n\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    model = OpenAILanguageModel(f"http://127.0.0.1:{port}/v1", "secret", "scripted")
    async with server:
        yield model
        await model.close()


@asynccontextmanager
async def _chain(pieces: Sequence[str]) -> AsyncIterator[LanguageModel]:
    away = FakeLanguageModel([[UnavailableError("away")]], model="away")
    yield ChainedLanguageModel([away, FakeLanguageModel([pieces])])


@pytest.fixture(params=[_fake, _openai, _chain], ids=["fake", "openai", "chain"])
def provider(request: pytest.FixtureRequest) -> Provider:
    return request.param


async def test_stream_yields_the_pieces_in_order(provider: Provider):
    async with provider(["Be", "cause", " [1]", "."]) as model:
        pieces = [piece async for piece in model.stream(ASKED, 50)]
    assert "".join(pieces) == "Because [1]."
    assert all(pieces)


async def test_complete_gives_the_whole_answer_and_names_the_model(provider: Provider):
    async with provider(["Grüße", " 世界"]) as model:
        completion = await model.complete(ASKED, 50)
        assert completion.text == "Grüße 世界"
        assert completion.model == "scripted"
        assert completion.model in model.model


@pytest.mark.parametrize("pieces", [[], ["", "  ", "\n"]])
async def test_empty_answer_is_a_provider_error(provider: Provider, pieces: list[str]):
    async with provider(pieces) as model:
        with pytest.raises(ProviderError):
            _ = [piece async for piece in model.stream(ASKED, 50)]


async def test_consumer_may_stop_in_the_middle(provider: Provider):
    async with provider(["a", "b", "c"]) as model, aclosing(model.stream(ASKED, 50)) as pieces:
        assert await anext(pieces) == "a"


async def test_model_out_of_reach_is_unavailable():
    # Nothing listens on the discard port of this machine.
    model = OpenAILanguageModel("http://127.0.0.1:9", None, "scripted")
    with pytest.raises(UnavailableError):
        await model.complete(ASKED, 50)
    await model.close()
