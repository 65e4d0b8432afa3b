"""Settings: one typed list, the only reader of environment and files.

Each value comes from the first of: an argument of the command line, a variable of the environment
named `GROUNDWELL_<NAME>` (a few also have the name that other tools use), a line in
`DATA_DIR/groundwell.toml`, the default here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import AliasChoices, Field, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from groundwell.domain.errors import StartupError

_FILE = "groundwell.toml"


def _default_data_dir() -> Path:
    return Path(platformdirs.user_data_dir("groundwell", appauthor=False))


class Settings(BaseSettings):
    """Everything that can be set. Defaults need no network, no key and no other server."""

    model_config = SettingsConfigDict(
        env_prefix="GROUNDWELL_", extra="ignore", frozen=True, populate_by_name=True
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
        description="Key that protects stored API keys; else made and kept in DATA_DIR/secret.key.",
    )

    embedder: Literal["openvino", "openai"] = Field(
        default="openvino", description="What turns text into vectors."
    )
    embedding_model: str = Field(
        default="all-MiniLM-L6-v2",
        validation_alias=AliasChoices(
            "GROUNDWELL_EMBEDDING_MODEL", "EMBEDDING_MODEL", "embedding_model"
        ),
        description="Name, local folder or hub id of the embedding model.",
    )
    embedding_dimension: PositiveInt = Field(
        default=1536,
        validation_alias=AliasChoices(
            "GROUNDWELL_EMBEDDING_DIMENSION", "EMBEDDING_DIM", "embedding_dimension"
        ),
        description="Length of the vectors of an `openai` embedder.",
    )
    embedding_base_url: str = Field(
        default="https://api.openai.com/v1",
        description="Address of an `openai` embedder (OpenAI, Ollama, vLLM, TEI).",
    )
    embedding_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "GROUNDWELL_EMBEDDING_API_KEY", "OPENAI_API_KEY", "embedding_api_key"
        ),
        description="Key for an `openai` embedder.",
    )
    model_threads: PositiveInt | None = Field(
        default=None, description="Threads of the local model; else one for each processor."
    )

    llm_model: str | None = Field(
        default=None,
        description="Language model that words the answers; without it answers are extractive.",
    )
    llm_base_url: str = Field(
        default="https://api.openai.com/v1",
        validation_alias=AliasChoices(
            "GROUNDWELL_LLM_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE", "llm_base_url"
        ),
        description="Address of the language model's OpenAI-compatible endpoint.",
    )
    llm_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("GROUNDWELL_LLM_API_KEY", "OPENAI_API_KEY", "llm_api_key"),
        description="Key for the language model.",
    )

    chunking: Literal["passage", "recursive", "tokens"] = Field(
        default="passage", description="How documents of new collections are cut into chunks."
    )
    reranker: Literal["late_interaction", "cross_encoder", "http", "none"] = Field(
        default="late_interaction", description="What reranks the best candidates."
    )
    reranker_model: str = Field(
        default="ms-marco-MiniLM-L-6-v2",
        description="Name, local folder or hub id of the cross-encoder; for `http`, as the server "
        "knows it.",
    )
    reranker_base_url: str = Field(
        default="https://api.cohere.com/v2",
        description="Address of an `http` reranker, without `/rerank` (Cohere, Jina, vLLM).",
    )
    reranker_api_key: SecretStr | None = Field(
        default=None, description="Key for an `http` reranker."
    )
    reranker_timeout: float = Field(
        default=5.0,
        gt=0,
        description="Time for reranking, in seconds; then the search goes on without it.",
    )
    rerank_depth: PositiveInt = Field(
        default=50, le=500, description="How many of the best candidates are reranked."
    )
    rerank_blend: float = Field(
        default=0.5, ge=0, le=1, description="Share of the fused score in the ranking."
    )
    token_memory_mb: int = Field(
        default=64,
        ge=0,
        description="Memory for token bits that the reranker has read, in mebibytes; 0 for none.",
    )
    dense_weight: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Weight of the dense leg; the keyword leg has the rest.",
    )
    fusion: Literal["min_max", "rrf"] = Field(
        default="min_max", description="How the legs are joined: by their scores or their ranks."
    )
    answer_threshold: float = Field(
        default=0.1, ge=0, le=1, description="Least score of a passage that an answer may use."
    )
    answer_passages: PositiveInt = Field(
        default=5, le=50, description="How many passages an answer is drawn from."
    )

    max_upload_mb: PositiveInt = Field(default=100, description="Largest file, in mebibytes.")
    max_batch_mb: PositiveInt = Field(
        default=32, description="Largest batch request, in mebibytes."
    )
    max_batch_documents: PositiveInt = Field(
        default=2000, description="Most documents in one batch request."
    )
    parser_memory_mb: PositiveInt = Field(
        default=1024, ge=256, description="Memory that reading one file may take, in mebibytes."
    )
    parser_seconds: PositiveInt = Field(
        default=60, description="Time that reading one file may take, in seconds."
    )
    ocr_seconds: PositiveInt = Field(
        default=300, description="Time that text recognition of one file may take, in seconds."
    )
    worker_jobs: PositiveInt = Field(default=2, description="Jobs that a worker runs at once.")
    load_samples: bool = Field(
        default=True, description="Whether the sample collection is loaded at the first start."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is logged."
    )

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
        file = first.data_dir / _FILE
        in_file = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if unknown := set(in_file) - set(Settings.model_fields):
            names = ", ".join(sorted(unknown))
            raise StartupError(f"{file} has unknown settings: {names}.", code="bad_settings")
        # What arguments or environment set stays; the file fills in the rest.
        rest = {k: v for k, v in in_file.items() if k not in first.model_fields_set}
        return Settings(**given, **rest) if rest else first
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise StartupError(f"A setting is wrong: {problems}.", code="bad_settings") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise StartupError(f"The settings cannot be read: {error}.", code="bad_settings") from error
