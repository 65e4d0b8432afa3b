"""The language models that the settings name, as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from groundwell.adapters.language_model.chain import ChainedLanguageModel
from groundwell.adapters.language_model.openai import Deadlines, OpenAILanguageModel
from groundwell.adapters.metrics.providers import ObservedLanguageModel
from groundwell.domain.circuit_breaker import Circuits
from groundwell.ports.language_model import LanguageModel
from groundwell.ports.metrics import Metrics
from groundwell.settings import Settings

_PATIENT = Deadlines()
_IMPATIENT = Deadlines(first_token_seconds=10.0, between_tokens_seconds=10.0, total_seconds=60.0)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long models are waited for: the `last`, and those that are `followed` by another one.

    Each purpose has circuits of its own: a model that is too slow for one may do for the other.
    """

    last: Deadlines = _PATIENT
    followed: Deadlines = _IMPATIENT
    purpose: str = ""


CALM = Pace()
# Whoever waits for questions gets them without a model after 8 seconds. A model that is silent for
# all of that would count as given up, and be waited for again and again.
HURRIED = Pace(
    last=Deadlines(first_token_seconds=6.0, between_tokens_seconds=6.0, total_seconds=8.0),
    followed=Deadlines(first_token_seconds=3.0, between_tokens_seconds=3.0, total_seconds=8.0),
    purpose="questions",
)


@dataclass(frozen=True, slots=True)
class HostedModel:
    """A model of a provider that is known by name. `part`: what health and metrics call it."""

    part: Literal["language_model_gemini", "language_model_together"]
    base_url: str
    model: str


# The alias is of the newest small model, which thinks least before it writes: others use up the
# tokens of an answer by thinking, and versions are withdrawn after a year.
GEMINI = HostedModel(
    "language_model_gemini",
    "https://generativelanguage.googleapis.com/v1beta/openai",
    "gemini-flash-lite-latest",
)
TOGETHER = HostedModel(
    "language_model_together",
    "https://api.together.xyz/v1",
    "meta-llama/Llama-3.3-70B-Instruct-Turbo",
)
HOSTED = (GEMINI, TOGETHER)


@dataclass(frozen=True, slots=True)
class _Choice:
    part: str
    base_url: str
    model: str
    key: SecretStr | None


def make_language_model(
    settings: Settings,
    circuits: Circuits,
    metrics: Metrics,
    hosted: Sequence[HostedModel] = HOSTED,
    pace: Pace = CALM,
) -> LanguageModel | None:
    """The models that the settings name, asked in order; None if they name none.

    Each has a circuit of its own, and is counted under its own name.
    """
    choices = list(_choices(settings, hosted))
    models: list[LanguageModel] = []
    for choice in choices:
        model = OpenAILanguageModel(
            base_url=choice.base_url,
            api_key=None if choice.key is None else choice.key.get_secret_value(),
            model=choice.model,
            deadlines=pace.last if choice is choices[-1] else pace.followed,
            part=choice.part,
            purpose=pace.purpose,
        )
        circuits.watch(model.circuit)
        models.append(ObservedLanguageModel(model, metrics, choice.part))
    if len(models) > 1:
        return ChainedLanguageModel(models)
    return models[0] if models else None


def _choices(settings: Settings, hosted: Sequence[HostedModel]) -> Iterator[_Choice]:
    # Keys lie in many an environment for other programs: only the profile that is about these
    # providers takes them as leave to send something there.
    if settings.profile == "learning":
        keys = {GEMINI.part: settings.gemini_api_key, TOGETHER.part: settings.together_api_key}
        for each in hosted:
            if (key := keys[each.part]) is not None:
                yield _Choice(each.part, each.base_url, each.model, key)
    if settings.llm_model is not None:
        key = settings.llm_api_key
        yield _Choice("language_model", settings.llm_base_url, settings.llm_model, key)
