"""The embedder port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from groundwell.domain.chunks import Encoding, Tokenizer


class Embedder(Protocol):
    """Turns texts into vectors.

    Promises: results come in the order of the texts, one each; vectors have length 1, the stated
    dimension and only finite numbers; the same text gives the same vector. A text longer than
    `max_tokens` is cut, never refused; an empty text is embedded like any other. Safe to call
    from many tasks at once; calls made at the same time may share a forward pass.

    Errors: ProviderError when a remote model fails or answers vectors of a wrong number,
    dimension or with NaN; nothing is returned in part.
    """

    @property
    def model(self) -> str:
        """Identity of the model: two embedders of one name yield interchangeable vectors."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Most tokens of a text that count, special tokens included."""
        ...

    @property
    def has_token_vectors(self) -> bool:
        """Whether encodings carry token vectors, which late interaction needs."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer, or a close stand-in where the model is remote."""
        ...

    async def embed_query(self, text: str) -> Encoding:
        """Embed one search query, with the model's query prefix if it has one."""
        ...

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        """Embed passages, with the model's passage prefix if it has one."""
        ...

    async def document_spans(self, texts: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
        """The `token_spans` that `embed_documents` gives for these texts, without embedding them.

        Empty for every text where the embedder has no token vectors.
        """
        ...

    async def close(self) -> None:
        """Release threads, memory and connections."""
        ...
