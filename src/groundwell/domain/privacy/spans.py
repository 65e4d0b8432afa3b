"""What the finders of personal data have in common."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PersonalData(StrEnum):
    """The kinds that are found. Where two overlap, the one that stands first here wins."""

    EMAIL = "email"
    IBAN = "iban"
    CARD = "card"
    IP = "ip"
    PHONE = "phone"
    ADDRESS = "address"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Span:
    """Personal data at characters `[start, end)`."""

    kind: PersonalData
    start: int
    end: int
