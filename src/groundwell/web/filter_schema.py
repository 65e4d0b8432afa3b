"""The grammar of filters on metadata, as JSON Schema tells it (draft 2020-12).

How deep and how long a filter may be is not said: `parse_filter` counts that.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, JsonValue
from typing_extensions import TypeAliasType

from groundwell.domain.filters import FIELD, MAX_LIST

Filter = TypeAliasType(
    "Filter",
    Annotated[
        dict[str, JsonValue],
        Field(
            description="Conditions on metadata: $eq $ne $in $nin $gt $gte $lt $lte $and $or $not.",
            examples=[{"year": {"$gte": 2020}}],
        ),
    ],
)
"""A filter as requests bring it. The document has its grammar from `FILTER_SCHEMAS`."""

_PART = {"$ref": "#/components/schemas/FilterPart"}
_CONDITION = {"$ref": "#/components/schemas/FilterCondition"}
_NO_NUL = r"^[^\u0000]*$"
_VALUE = {"type": ["string", "number", "boolean", "null"], "pattern": _NO_NUL}
_VALUES = {"type": "array", "items": _VALUE, "maxItems": MAX_LIST}
_ORDERED = {"type": ["string", "number"], "pattern": _NO_NUL}

_CLAUSE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "$and": {"type": "array", "items": _PART, "minItems": 1},
        "$or": {"type": "array", "items": _PART, "minItems": 1},
        "$not": _PART,
    },
    "patternProperties": {f"^{FIELD}$": {"anyOf": [_VALUE, _CONDITION]}},
    "additionalProperties": False,
}

FILTER_SCHEMAS: dict[str, Any] = {
    "Filter": {
        "title": "Filter",
        "description": "Conditions on metadata; `{}` is none.",
        "examples": [{"year": {"$gte": 2020}}],
        **_CLAUSE,
    },
    "FilterPart": {"title": "FilterPart", "minProperties": 1, **_CLAUSE},
    "FilterCondition": {
        "title": "FilterCondition",
        "type": "object",
        "properties": {
            "$eq": _VALUE,
            "$ne": _VALUE,
            "$in": _VALUES,
            "$nin": _VALUES,
            "$gt": _ORDERED,
            "$gte": _ORDERED,
            "$lt": _ORDERED,
            "$lte": _ORDERED,
            "$not": _CONDITION,
        },
        "minProperties": 1,
        "additionalProperties": False,
    },
}
