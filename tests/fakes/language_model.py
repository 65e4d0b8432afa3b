"""A language model that says what the test tells it to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from groundwell.domain.answers import ChatMessage
from groundwell.domain.errors import GroundwellError, ProviderError
from groundwell.ports.language_model import Completion

Script: TypeAlias = Sequence[str | GroundwellError]
"""Pieces of one answer. An error among them is raised when its turn comes."""


@dataclass
class FakeLanguageModel:
    """Plays one script for each call, in order, and remembers what it was asked."""

    scripts: list[Script]
    model: str = "scripted"
    prompts: list[tuple[ChatMessage, ...]] = field(default_factory=list)
    open_streams: int = 0

    async def stream(
        self, messages: Sequence[ChatMessage], max_tokens: int
    ) -> AsyncGenerator[str, None]:
        self.prompts.append(tuple(messages))
        script = self.scripts.pop(0)
        self.open_streams += 1
        has_text = False
        try:
            for piece in script[:max_tokens]:
                if isinstance(piece, GroundwellError):
                    raise piece
                has_text = has_text or bool(piece.strip())
                if piece:
                    yield piece
            if not has_text:
                raise ProviderError("The model answered nothing.")
        finally:
            self.open_streams -= 1

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        text = "".join([piece async for piece in self.stream(messages, max_tokens)])
        return Completion(text, self.model)

    async def close(self) -> None:
        return
