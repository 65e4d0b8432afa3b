"""Cursors: where a page of a list ended."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field

from groundwell.domain.errors import InvalidInputError

_PATTERN = r"[0-9]{16}-[0-9a-f]{32}"
_CURSOR = re.compile(_PATTERN, re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Cursor = Annotated[
    str,
    Field(
        max_length=200,
        description="`next_cursor` of the page before.",
        json_schema_extra={"pattern": f"^{_PATTERN}$"},
    ),
]
"""A cursor as requests bring it."""


def write_cursor(moment: datetime, identity: UUID) -> str:
    """The cursor after the row that was made then and has that id: microseconds and the id."""
    return f"{(moment - _EPOCH) // timedelta(microseconds=1):016}-{identity.hex}"


def read_cursor(cursor: str) -> tuple[datetime, UUID]:
    """What `write_cursor` was given. Raises InvalidInputError for anything else."""
    if not _CURSOR.fullmatch(cursor):
        raise InvalidInputError(
            "The cursor is not one that this server gave out.", code="invalid_cursor"
        )
    moment, identity = cursor.split("-")
    return _EPOCH + timedelta(microseconds=int(moment)), UUID(identity)
