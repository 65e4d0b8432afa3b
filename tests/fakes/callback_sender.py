"""A callback sender that calls nobody and remembers what it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from groundwell.ports.callback_sender import Fate, Receipt


@dataclass
class FakeCallbackSender:
    """Gives the receipts in order, the last one again and again; raises where one is an error."""

    receipts: list[Receipt | BaseException] = field(
        default_factory=lambda: [Receipt(Fate.DELIVERED)]
    )
    sent: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        self.sent.append((url, dict(headers), body))
        receipt = self.receipts.pop(0) if len(self.receipts) > 1 else self.receipts[0]
        if isinstance(receipt, BaseException):
            raise receipt
        return receipt
