"""Fields that several apps take in their requests."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, Strict, StringConstraints
from pydantic_core import PydanticCustomError

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", re.ASCII)


def _whole(given: object) -> object:
    # A whole number may be written as 3.0 (JSON Schema, section 4.2.3), but not as a text.
    if isinstance(given, bool | str):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return given


def _moment(given: object) -> object:
    if (isinstance(given, str) and not _MOMENT.match(given)) or isinstance(given, int | float):
        raise PydanticCustomError("datetime_type", "Input should be a date and time (RFC 3339)")
    return given


Flag = Annotated[bool, Strict()]
"""True or false, and nothing that could be read as such."""

Number = Annotated[float, Strict()]
"""A number in JSON."""

WHOLE = BeforeValidator(_whole)
"""For a whole number with borders, which stand before it: after it, they are not documented."""

Whole = Annotated[int, WHOLE]
"""A whole number in JSON."""

Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
"""A moment as RFC 3339 writes it, with its offset."""

CollectionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
NOT_BLANK: dict[str, Any] = {"pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"}
NotBlank = Field(json_schema_extra=NOT_BLANK)
"""For the documentation of a text that loses its outer white space before it is measured."""

QueryText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000), NotBlank
]
