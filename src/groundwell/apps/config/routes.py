"""HTTP: the configuration."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field, JsonValue

from groundwell.domain.configuration import Source
from groundwell.web.deps import App, Operator

router = APIRouter(tags=["config"])


class SettingOut(BaseModel):
    """A setting as it counts."""

    name: str
    value: JsonValue = Field(description="Null where nothing is set; stars for a secret.")
    source: Source = Field(description="Where the value came from.")


class ConfigOut(BaseModel):
    """All settings."""

    profile: str = Field(description="The set of values that stands in for what is not set.")
    settings: list[SettingOut]


@router.get("/config", summary="Show the effective settings")
async def config(app: App, caller: Operator) -> ConfigOut:
    """Every setting with the value that counts and where it came from.

    Secrets are hidden, and so is what stands beside server and path in an address. Settings are of
    all tenants together, so they need a key with the scope `admin` of the tenant that the
    installation began with.
    """
    del caller
    told = [
        SettingOut(name=each.name, value=each.value, source=each.source)
        for each in app.configuration
    ]
    (profile,) = (str(each.value) for each in told if each.name == "profile")
    return ConfigOut(profile=profile, settings=told)
