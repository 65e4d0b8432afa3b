"""The callback sender port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Fate(StrEnum):
    """What became of a call.

    `FAILED` and `AWAY` may be tried again; who is away is so for every call to that host.
    """

    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a call ended. `error` is a sentence without any part of the address or the answer."""

    fate: Fate
    error: str | None = None


class CallbackSender(Protocol):
    """Calls an address that somebody else has chosen.

    Promises: what the operator has not allowed is not connected to, whatever the name resolves to
    and however often that changes; no redirect is followed and no proxy asked; a call ends within
    10 seconds; of the answer nothing is kept but its status.
    """

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """POST the JSON body. Raises nothing: what goes wrong at the other side is a receipt."""
        ...
