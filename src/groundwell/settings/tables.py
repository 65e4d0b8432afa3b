"""Settings that are tables of a few values."""

from __future__ import annotations

from pydantic import BeforeValidator


def _split(given: object) -> object:
    if not isinstance(given, str):
        return given
    named: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in given.split(","))):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not equals or name in named:
            raise ValueError("write it as name=value,name=value, each name once")
        named[name] = value
    return named


NamedValues = BeforeValidator(_split)
"""A table in the file, `name=value` with commas between them in a variable (with `NoDecode`)."""
