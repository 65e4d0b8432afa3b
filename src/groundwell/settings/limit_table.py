"""The setting `limits`: what each tier may do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    field_validator,
)

from groundwell.domain.limits import Rate

_UNLIMITED = "unlimited"


def _read_rate(given: object) -> Rate | None:
    if isinstance(given, Rate) or given is None:
        return given
    if not isinstance(given, str):
        raise ValueError("a rate is a text such as 20/minute")  # noqa: TRY004 - pydantic's protocol
    return None if given == _UNLIMITED else Rate.parse(given)


def _read_most(given: object) -> object:
    return None if given == _UNLIMITED else given


RateSetting = Annotated[Rate | None, BeforeValidator(_read_rate)]
Most = Annotated[PositiveInt | None, BeforeValidator(_read_most)]
MostTokens = Annotated[Annotated[int, Field(gt=0, le=10**15)] | None, BeforeValidator(_read_most)]
Endpoint = Annotated[str, StringConstraints(pattern=r"^(answers|/[^*\s\"\\]*\*?)$")]


class TierSettings(BaseModel):
    """The limits of one tier; None is written as `unlimited`.

    `endpoints` are rates by address, with `*` at the end for all that begin so, and `answers` for
    whatever answers or makes questions. What is given is added to the defaults. `embedded` is the
    number of chunks a day.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
    default_endpoints: ClassVar[Mapping[str, str]] = MappingProxyType({})

    requests: RateSetting = None
    endpoints: dict[Endpoint, RateSetting] = Field(default_factory=dict)
    bytes: Most = None
    documents: Most = None
    chunks: Most = None
    queued: Most = None
    tokens: MostTokens = None
    embedded: Most = None

    @field_validator("endpoints", mode="before")
    @classmethod
    def _add_defaults(cls, given: object) -> object:
        return {**cls.default_endpoints, **given} if isinstance(given, Mapping) else given


class FreeSettings(TierSettings):
    """What everybody may do."""

    default_endpoints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "answers": "20/minute",
            "/api/voice/parse": "20/minute",
            "/api/voice/log": "20/minute",
            "/api/chat/classify": "30/minute",
            "/api/coach/ask": "5/minute",
            "/api/injury/analyze": "5/minute",
            "/api/program/generate/*": "2/hour",
        }
    )

    requests: RateSetting = Rate(300, 60)
    bytes: Most = 1 << 30
    documents: Most = 10_000
    chunks: Most = 200_000
    queued: Most = 1000
    tokens: MostTokens = 200_000
    embedded: Most = 400_000


class PremiumSettings(TierSettings):
    """What users of the tier `premium` may do."""

    default_endpoints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "answers": "100/minute",
            "/api/voice/parse": "100/minute",
            "/api/voice/log": "100/minute",
            "/api/chat/classify": "150/minute",
            "/api/coach/ask": "50/minute",
            "/api/injury/analyze": "30/minute",
            "/api/program/generate/*": "20/hour",
        }
    )

    requests: RateSetting = Rate(6000, 60)
    bytes: Most = 100 << 30
    documents: Most = 1_000_000
    chunks: Most = 20_000_000
    queued: Most = 100_000
    tokens: MostTokens = 5_000_000
    embedded: Most = 40_000_000


class LimitTableSettings(BaseModel):
    """The limits of all tiers. Owners and administrators have a row of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    free: FreeSettings = FreeSettings()
    premium: PremiumSettings = PremiumSettings()
    admin: TierSettings = TierSettings()
    failed_authentications: RateSetting = Rate(60, 60)
