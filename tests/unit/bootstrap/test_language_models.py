"""Which models are asked in which order, and what becomes of it when some of them fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.fakes.provider import (
    DONE,
    Play,
    ScriptedProvider,
    event,
    keeps_silent,
    reply,
    says,
    scripted_provider,
    streamed,
)
from tests.waiting import patience

from groundwell.adapters.language_model.openai import Deadlines
from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.bootstrap.language_models import (
    CALM,
    GEMINI,
    HURRIED,
    TOGETHER,
    Pace,
    make_language_model,
)
from groundwell.domain.answers import ChatMessage, Role
from groundwell.domain.circuit_breaker import Circuits
from groundwell.domain.errors import GroundwellError, ProviderError, UnavailableError
from groundwell.ports.language_model import LanguageModel
from groundwell.settings import Settings, load_settings

# Longer than a busy machine needs, and shorter than the pause that one server asks for.
SHORT = Deadlines(first_token_seconds=60.0)
ASKED = (ChatMessage(Role.USER, "Why?"),)


def speaks(text: str) -> Play:
    return says(streamed(event(text), event(reason="stop"), DONE))


DOWN = says(reply("500 Oops"))
WRONG_KEY = says(reply("401 No", b"{}"))
OVERLOADED = says(reply("429 Slow", b"", "Retry-After: 3600\r\n"))
NONSENSE = says(streamed(b"data: <html>\n\n"))
BREAKS_OFF = says(streamed(event("Be")))


def settings_with(folder: Path, **given: str) -> Settings:
    return load_settings(data_dir=folder, **{"profile": "learning", **given})


def chosen(settings: Settings) -> list[tuple[str, str]]:
    circuits = Circuits()
    model = make_language_model(settings, circuits, PrometheusMetrics())
    assert (model is None) == (not circuits.all())
    return [(circuit.part, circuit.target) for circuit in circuits.all()]


KEYS = {"gemini_api_key": "g", "together_api_key": "t"}
OTHER = {"llm_model": "small", "llm_base_url": "http://models.example.org/v1"}
OF_GEMINI = ("language_model_gemini", f"{GEMINI.model} at generativelanguage.googleapis.com")
OF_TOGETHER = ("language_model_together", f"{TOGETHER.model} at api.together.xyz")
OF_OTHER = ("language_model", "small at models.example.org")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, []),
        (KEYS, [OF_GEMINI, OF_TOGETHER]),
        (KEYS | OTHER, [OF_GEMINI, OF_TOGETHER, OF_OTHER]),
        (OTHER | {"together_api_key": "t"}, [OF_TOGETHER, OF_OTHER]),
        (OTHER, [OF_OTHER]),
        # Outside the profile, keys for other programs send nothing anywhere.
        (KEYS | {"profile": "lite"}, []),
        (KEYS | OTHER | {"profile": "lite"}, [OF_OTHER]),
    ],
)
def test_models_with_a_key_are_asked_in_order_and_those_without_are_not(
    tmp_path: Path, given: dict[str, str], expected: list[tuple[str, str]]
):
    assert chosen(settings_with(tmp_path, **given)) == expected


@dataclass
class Three:
    """Gemini, Together and another server, each as the test says, asked as one model."""

    model: LanguageModel
    providers: list[ScriptedProvider]
    circuits: Circuits
    metrics: PrometheusMetrics

    async def complete(self) -> str:
        return (await self.model.complete(ASKED, 50)).text

    async def stream(self) -> str:
        async with aclosing(self.model.stream(ASKED, 50)) as pieces:
            return "".join([piece async for piece in pieces])

    @property
    def calls(self) -> list[int]:
        return [len(provider.requests) for provider in self.providers]


@asynccontextmanager
async def three(folder: Path, *plays: Play, followed: Deadlines = SHORT) -> AsyncIterator[Three]:
    async with (
        scripted_provider(plays[0]) as first,
        scripted_provider(plays[1]) as second,
        scripted_provider(plays[2]) as third,
    ):
        hosted = (replace(GEMINI, base_url=first.url), replace(TOGETHER, base_url=second.url))
        settings = settings_with(folder, **KEYS, llm_model="small", llm_base_url=third.url)
        circuits, metrics = Circuits(), PrometheusMetrics()
        model = make_language_model(settings, circuits, metrics, hosted, Pace(followed=followed))
        assert model is not None
        yield Three(model, [first, second, third], circuits, metrics)
        await model.close()


@pytest.fixture(params=["complete", "stream"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


async def ask(models: Three, way: str) -> str:
    return await (models.complete() if way == "complete" else models.stream())


async def test_the_first_that_answers_is_the_only_one_that_is_asked(tmp_path: Path, way: str):
    async with three(tmp_path, speaks("Gemini."), speaks("Together."), speaks("Other.")) as models:
        assert await ask(models, way) == "Gemini."
        assert models.calls == [1, 0, 0]
        assert models.providers[0].requests[0]["model"] == GEMINI.model
        assert b"authorization: bearer g\r\n" in models.providers[0].raw[0][0].lower()


@pytest.mark.parametrize("fault", [DOWN, WRONG_KEY, OVERLOADED, NONSENSE, says(b"")], ids=range(5))
async def test_the_next_one_is_asked_whatever_fails_before_the_first_word(
    tmp_path: Path, way: str, fault: Play
):
    async with three(tmp_path, fault, speaks("Together."), speaks("Other.")) as models:
        assert await ask(models, way) == "Together."
        assert models.calls[1:] == [1, 0]


async def test_a_silent_one_is_not_waited_for_as_long_as_the_last(tmp_path: Path, way: str):
    impatient = Deadlines(first_token_seconds=0.2)
    silent = three(tmp_path, keeps_silent, keeps_silent, speaks("Other."), followed=impatient)
    begun = time.monotonic()
    async with silent as models:
        assert await ask(models, way) == "Other."
    # What each would be given of itself, and the last one is given thrice.
    assert time.monotonic() - begun < 10


async def test_nothing_is_put_together_of_two_answers(tmp_path: Path):
    async with three(tmp_path, BREAKS_OFF, speaks("Together."), speaks("Other.")) as models:
        with pytest.raises(ProviderError):
            await models.stream()
        assert models.calls == [1, 0, 0]
        # What nobody has seen yet is no part of an answer.
        assert await models.complete() == "Together."


async def test_the_last_one_s_error_is_told_when_all_have_failed(tmp_path: Path, way: str):
    async with three(tmp_path, DOWN, NONSENSE, OVERLOADED) as models:
        with pytest.raises(UnavailableError) as caught:
            await ask(models, way)
    assert caught.value.code == "provider_overloaded"


async def test_each_has_a_circuit_and_counts_of_its_own(tmp_path: Path):
    async with three(tmp_path, DOWN, speaks("Together."), speaks("Other.")) as models:
        for _ in range(8):
            assert await models.complete() == "Together."
        asked = models.calls[0]
        assert models.circuits.broken_parts() == ["language_model_gemini"]
        await models.complete()
        # One that has failed too often is passed over at no cost.
        assert models.calls[0] == asked
        shown = models.metrics.exposition(None)[0].decode()
    assert _count(shown, "language_model_gemini", "circuit_open") > 0
    assert _count(shown, "language_model_gemini", "provider_unavailable") == 5
    assert _count(shown, "language_model_together", "ok") == 9


def _count(shown: str, provider: str, outcome: str) -> float:
    start = "groundwell_provider_calls_total{"
    return sum(
        float(line.rpartition(" ")[2])
        for line in shown.splitlines()
        if line.startswith(start)
        and f'provider="{provider}"' in line
        and f'outcome="{outcome}"' in line
    )


async def test_who_leaves_hangs_up(tmp_path: Path):
    hung_up = asyncio.Event()

    async def begins(asked: object, writer: asyncio.StreamWriter) -> None:
        writer.write(streamed(event("Be")))
        await writer.drain()
        try:
            await keeps_silent(asked, writer)
        finally:
            hung_up.set()

    async with three(tmp_path, DOWN, begins, speaks("Other.")) as models:
        async with aclosing(models.model.stream(ASKED, 50)) as pieces:
            assert await anext(pieces) == "Be"
            assert not hung_up.is_set()
        async with patience():
            await hung_up.wait()


def test_who_waits_less_has_circuits_of_his_own(tmp_path: Path):
    circuits = Circuits()
    for pace in (CALM, HURRIED):
        make_language_model(
            settings_with(tmp_path, **KEYS), circuits, PrometheusMetrics(), pace=pace
        )
    # Names that two circuits share would be one series of the metrics.
    assert len({(circuit.part, circuit.target) for circuit in circuits.all()}) == 4


def test_no_key_is_shown_by_what_holds_it(tmp_path: Path):
    model = make_language_model(
        settings_with(tmp_path, gemini_api_key="hush", together_api_key="hush"),
        Circuits(),
        PrometheusMetrics(),
    )
    assert model is not None
    assert "hush" not in repr(model) + model.model


def test_a_key_that_no_header_can_carry_stops_the_start(tmp_path: Path):
    with pytest.raises(GroundwellError) as caught:
        chosen(settings_with(tmp_path, gemini_api_key="a\nb"))
    assert "a\nb" not in caught.value.detail
