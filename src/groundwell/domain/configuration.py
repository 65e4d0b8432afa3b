"""What a server is set to, for whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Setting: TypeAlias = bool | int | float | str | list["Setting"] | dict[str, "Setting"] | None
"""A value as JSON has it."""


class Source(StrEnum):
    """Where a value came from, the strongest first."""

    ARGUMENT = "argument"
    ENVIRONMENT = "environment"
    FILE = "file"
    PROFILE = "profile"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """A setting as it counts. Of secrets, the value tells only that there is one."""

    name: str
    value: Setting
    source: Source
