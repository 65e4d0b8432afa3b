"""Fields that several apps take in their requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

CollectionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
QueryText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)
]
