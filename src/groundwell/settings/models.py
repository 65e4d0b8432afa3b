"""Settings: the models, and where they run."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, BaseModel, Field, PositiveInt, SecretStr


class ModelSettings(BaseModel):
    """The embedder, the language model and a reranker of another server."""

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
    gemini_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "GROUNDWELL_GEMINI_API_KEY", "GEMINI_API_KEY", "gemini_api_key"
        ),
        description="Key for Gemini, which the profile `learning` asks first.",
    )
    together_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "GROUNDWELL_TOGETHER_API_KEY", "TOGETHER_API_KEY", "together_api_key"
        ),
        description="Key for Together.ai, which the profile `learning` asks after Gemini.",
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
