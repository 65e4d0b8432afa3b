"""Settings: one typed list, the only reader of environment and files.

Each value comes from the first of: an argument of the command line, a variable of the environment
named `GROUNDWELL_<NAME>` (a few also have the name that other tools use), a line in
`DATA_DIR/groundwell.toml`, a line in the profile, the default here.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    Field,
    PositiveInt,
    PrivateAttr,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from groundwell.domain.configuration import Source
from groundwell.domain.errors import StartupError
from groundwell.domain.webhooks.hosts import HostRules
from groundwell.settings.access import AccessSettings
from groundwell.settings.limits import LimitSettings
from groundwell.settings.lists import CommaSeparated
from groundwell.settings.models import ModelSettings
from groundwell.settings.retrieval import RetrievalSettings

_FILE = "groundwell.toml"
# It is made of the defaults, so that it has no file of its own.
_PLAIN_PROFILE = "lite"


def _check_hosts(entries: tuple[str, ...]) -> tuple[str, ...]:
    HostRules(entries)
    return entries


def _default_data_dir() -> Path:
    return Path(platformdirs.user_data_dir("groundwell", appauthor=False))


class ProcessSettings(BaseModel):
    """Where the process listens, keeps its data and writes what happens."""

    profile: Literal["lite", "learning"] = Field(
        default="lite", description="Which set of values stands in for what is not set."
    )
    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Folder of the embedded database, uploaded files, models and keys.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the server listens on.")
    port: int = Field(default=8765, ge=0, le=65535, description="Port of the server.")
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("GROUNDWELL_DATABASE_URL", "DATABASE_URL", "database_url"),
        description="A Postgres >= 16 with pgvector >= 0.8; without it, an embedded one is used.",
    )
    database_pool_size: PositiveInt = Field(
        default=10, ge=2, description="Most connections that one process opens to the database."
    )
    blob_url: str | None = Field(
        default=None,
        description="Where uploaded files are kept: s3://…, gs://… or az://…; else DATA_DIR/blobs.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Protects stored API keys; 32 characters or more; else kept in "
        "DATA_DIR/secret.key.",
    )
    webhook_hosts: Annotated[
        tuple[str, ...], NoDecode, CommaSeparated, AfterValidator(_check_hosts)
    ] = Field(
        default=(),
        description="Hosts that may be called when a document is finished: names, *.domain, or *; "
        "none without.",
    )
    load_samples: bool = Field(
        default=True, description="Whether the sample collection is loaded at the first start."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is logged."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="Lines of the log: as JSON, as text for people, or text on a terminal and JSON "
        "elsewhere.",
    )


class Settings(
    ProcessSettings, AccessSettings, ModelSettings, RetrievalSettings, LimitSettings, BaseSettings
):
    """Everything that can be set. Defaults need no network, no key and no other server."""

    model_config = SettingsConfigDict(
        env_prefix="GROUNDWELL_", extra="ignore", frozen=True, populate_by_name=True
    )
    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)

    def source_of(self, name: str) -> Source:
        """Where the value of a setting came from."""
        return self._sources.get(name, Source.DEFAULT)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments and the environment; the file is read by `load_settings`."""
        del settings_cls, dotenv_settings, file_secret_settings
        return (init_settings, env_settings)


def load_settings(**arguments: Any) -> Settings:  # noqa: ANN401 - the fields' own types check them
    """Settings from all sources. Arguments that are None count as not given.

    Raises StartupError that names the value which is wrong, and the place where unknown names
    stand in the file.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        first = Settings(**given)
        sources = dict.fromkeys(first.model_fields_set, Source.ENVIRONMENT)
        sources |= dict.fromkeys(given, Source.ARGUMENT)
        in_file = _read_file(first.data_dir / _FILE)
        # What arguments or environment set stays; the file fills in the rest, then the profile.
        rest = {k: v for k, v in in_file.items() if k not in sources}
        sources |= dict.fromkeys(rest, Source.FILE)
        profile = Settings(**given, **rest).profile
        of_profile = {k: v for k, v in _read_profile(profile).items() if k not in sources}
        sources |= dict.fromkeys(of_profile, Source.PROFILE)
        settings = Settings(**given, **rest, **of_profile)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise StartupError(f"A setting is wrong: {problems}.", code="bad_settings") from error
    except (SettingsError, tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise StartupError(f"The settings cannot be read: {error}.", code="bad_settings") from error
    settings._sources.update(sources)
    return settings


def _read_file(file: Path) -> dict[str, Any]:
    in_file = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if unknown := set(in_file) - set(Settings.model_fields):
        names = ", ".join(sorted(unknown))
        raise StartupError(f"{file} has unknown settings: {names}.", code="bad_settings")
    return in_file


def _read_profile(name: str) -> dict[str, Any]:
    if name == _PLAIN_PROFILE:
        return {}
    text = files("groundwell.settings").joinpath("profiles", f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)
