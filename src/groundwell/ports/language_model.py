"""The language model port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from groundwell.domain.answers import ChatMessage


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """What a call has used, as the provider counts. None where it does not tell, or not soundly."""

    prompt: int | None = None
    completion: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished completion."""

    text: str
    model: str
    used: TokensUsed = TokensUsed()


HearUsed: TypeAlias = Callable[[TokensUsed], None]
"""Is told what a call has used, as often as the provider tells; the last word counts."""


class LanguageModel(Protocol):
    """Writes text.

    Promises: deadlines hold for connecting, the first token, the gap between tokens and the
    whole; nothing is retried once the first byte has come; when the consumer stops, the
    provider's connection is closed at once.

    Errors: ProviderError (also for an empty or malformed answer), UnavailableError when the
    provider is overloaded or out of reach.
    """

    @property
    def model(self) -> str:
        """Identity of the model."""
        ...

    def stream(
        self, messages: Sequence[ChatMessage], max_tokens: int, hear_used: HearUsed | None = None
    ) -> AsyncIterator[str]:
        """The answer's text, piece by piece. Ends normally only after a proper finish."""
        ...

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """The whole answer."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
