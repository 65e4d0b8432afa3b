"""Settings: how much of everything."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from pydantic_settings import NoDecode

from groundwell.settings.limit_table import LimitTableSettings
from groundwell.settings.tables import NamedValues


class ParserSettings(BaseModel):
    """What reading one file may take: mebibytes of memory, and seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    memory_mb: PositiveInt = Field(default=1024, ge=256)
    seconds: PositiveInt = 60


class LimitSettings(BaseModel):
    """Most bytes, seconds and jobs."""

    limits: LimitTableSettings = Field(
        default=LimitTableSettings(),
        description="How often the users of each tier may ask, and how much their tenant may hold.",
    )
    max_upload_mb: PositiveInt = Field(default=100, description="Largest file, in mebibytes.")
    max_in_flight: PositiveInt = Field(
        default=100, description="Requests that are worked on at once; others wait."
    )
    request_seconds: float = Field(
        default=30.0,
        ge=0.5,
        le=600,
        description="Time for the head of a request and between two parts of its body, in seconds.",
    )
    parser: Annotated[ParserSettings, NoDecode, NamedValues] = Field(
        default=ParserSettings(),
        description="What reading one file may take: `memory_mb` of memory, in mebibytes, and "
        "`seconds` of time.",
    )
    malware_scanner: str | None = Field(
        default=None,
        description="Address of a ClamAV daemon that sees each document before it is read: "
        "tcp://host:port or unix:/path; without it, nothing is scanned.",
    )
    worker_jobs: PositiveInt = Field(default=2, description="Jobs that a worker runs at once.")
    worker_lease_seconds: float = Field(
        default=15.0,
        ge=1,
        le=3600,
        description="Silence after which a worker counts as dead and its jobs start again, in "
        "seconds.",
    )
