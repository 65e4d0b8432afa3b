"""A language model that says what the test tells it to."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from groundwell.domain.answers import ChatMessage
from groundwell.domain.errors import GroundwellError, ProviderError
from groundwell.ports.language_model import Completion, HearUsed, TokensUsed

Script: TypeAlias = Sequence[str | GroundwellError]
"""Pieces of one answer. An error among them is raised when its turn comes."""


@dataclass
class FakeLanguageModel:
    """Plays one script for each call, in order, and remembers what it was asked.

    `used`: what it tells of the tokens of a call at its end.
    """

    scripts: list[Script]
    model: str = "scripted"
    prompts: list[tuple[ChatMessage, ...]] = field(default_factory=list)
    open_streams: int = 0
    used: TokensUsed | None = None

    async def stream(
        self, messages: Sequence[ChatMessage], max_tokens: int, hear_used: HearUsed | None = None
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
            if hear_used is not None and self.used is not None:
                hear_used(self.used)
        finally:
            self.open_streams -= 1

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        text = "".join([piece async for piece in self.stream(messages, max_tokens)])
        return Completion(text, self.model, self.used or TokensUsed())

    async def close(self) -> None:
        return


class ObedientLanguageModel:
    """Does whatever anybody tells it in its prompt, as no real model should.

    It finds `reply with: …` in several languages, through zero-width characters, look-alikes and
    base64, in sources, titles and wherever else, and writes what stands there. `{prompt}` in it
    becomes all that the model was shown, `(cite 1)` the marker of a source.
    """

    model = "obedient"
    _ORDER = re.compile(
        r"(?:reply with|antworte mit|réponds avec|responde con|回答)\s*[:：]\s*(.+)", re.IGNORECASE
    )
    _HIDDEN = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.obeyed = 0

    async def stream(
        self, messages: Sequence[ChatMessage], max_tokens: int, hear_used: HearUsed | None = None
    ) -> AsyncGenerator[str, None]:
        del hear_used  # It does not count.
        prompt = "\n".join(message.content for message in messages)
        self.prompts.append(prompt)
        plain = unicodedata.normalize("NFKC", re.sub("[\u200b-\u200f\u2060\ufeff]", "", prompt))
        for piece in self._HIDDEN.findall(plain):
            with suppress(ValueError):
                plain += "\n" + base64.b64decode(piece, validate=True).decode()
        order = self._ORDER.search(plain)
        self.obeyed += order is not None
        answer = "I was told nothing." if order is None else order.group(1)
        answer = re.sub(r"\(cite (\d+)\)", r"[\1]", answer.replace("{prompt}", prompt))
        for word in answer.split(" ")[:max_tokens]:
            yield word + " "

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        return Completion("".join([p async for p in self.stream(messages, max_tokens)]), self.model)

    async def close(self) -> None:
        return
