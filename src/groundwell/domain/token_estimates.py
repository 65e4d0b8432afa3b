"""How many tokens of a language model a text has, before a provider has counted them."""

from __future__ import annotations

from collections.abc import Iterable

from groundwell.domain.answers import ChatMessage

_BYTES_PER_TOKEN = 3
_TOKENS_PER_MESSAGE = 8


def estimate_tokens(text: str) -> int:
    """How many tokens a text has, rather too many than too few.

    Three bytes of UTF-8 count as one. English and German have four bytes to a token or more,
    Chinese about three.
    """
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def estimate_prompt(messages: Iterable[ChatMessage]) -> int:
    """How many tokens a prompt has, with what stands around its messages."""
    return sum(_TOKENS_PER_MESSAGE + estimate_tokens(each.content) for each in messages)
