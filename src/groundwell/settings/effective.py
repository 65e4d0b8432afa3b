"""What a process is set to, told without what must stay secret."""

from __future__ import annotations

from urllib.parse import urlsplit

from groundwell.domain.configuration import EffectiveSetting, Setting
from groundwell.settings import Settings


def effective_settings(settings: Settings) -> tuple[EffectiveSetting, ...]:
    """Every setting with its value and where that came from, in the order of the fields.

    Secrets are stars. Of an address only server and path are told: the rest may hold a password.
    """
    values: dict[str, Setting] = settings.model_dump(mode="json")
    return tuple(
        EffectiveSetting(name, _without_secrets(value), settings.source_of(name))
        for name, value in values.items()
    )


def _without_secrets(value: Setting) -> Setting:
    if not isinstance(value, str) or "://" not in value:
        return value
    parts = urlsplit(value)
    server = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{server}{parts.path}"
