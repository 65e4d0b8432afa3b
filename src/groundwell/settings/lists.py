"""Settings that are lists."""

from __future__ import annotations

from pydantic import BeforeValidator


def _split(given: object) -> object:
    if not isinstance(given, str):
        return given
    return [part.strip() for part in given.split(",") if part.strip()]


CommaSeparated = BeforeValidator(_split)
"""A list in the file, words with commas between them in a variable (with `NoDecode`)."""
