"""Configurations as they are written on the command line: options of a search request."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundwell.domain.errors import InvalidInputError
from groundwell.domain.evaluation import FIXED_OPTIONS, Configuration

DEFAULT_NAME = "default"


@dataclass(frozen=True, slots=True)
class NamedConfiguration:
    """A configuration and what it is called in tables."""

    name: str
    options: Configuration


def read_configuration(text: str, known: Mapping[str, Configuration]) -> NamedConfiguration:
    """The configuration that a text means: a known name, `default`, or `key=value,key=value`.

    Raises InvalidInputError that says what is wrong with the text.
    """
    text = text.strip()
    if text in known:
        return NamedConfiguration(text, _checked(known[text], text))
    if text in ("", DEFAULT_NAME):
        return NamedConfiguration(DEFAULT_NAME, {})
    options: dict[str, Any] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key and equals and value) or key in options:
            names = ", ".join([DEFAULT_NAME, *known])
            raise InvalidInputError(
                f"'{text}' is not a configuration. Write it like search_type=keyword,rerank=false, "
                f"each option once, or use a name: {names}."
            )
        options[key] = _value(value)
    return NamedConfiguration(text, _checked(options, text))


def read_configurations(path: Path) -> dict[str, Configuration]:
    """Named configurations of a TOML or JSON file, which holds a table of options for each."""
    try:
        content = path.read_text(encoding="utf-8")
        read = json.loads(content) if path.suffix == ".json" else tomllib.loads(content)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}.") from error
    if not isinstance(read, dict) or not all(isinstance(table, dict) for table in read.values()):
        raise InvalidInputError(f"{path} must hold a table of options for each configuration.")
    if taken := {"", DEFAULT_NAME}.intersection(read):
        raise InvalidInputError(
            f"{path} names a configuration '{taken.pop()}', which means that no option is set. "
            "Choose another name."
        )
    return read


def _checked(options: Configuration, text: str) -> Configuration:
    if fixed := FIXED_OPTIONS.intersection(options):
        names = ", ".join(sorted(fixed))
        raise InvalidInputError(f"'{text}' sets {names}, which an evaluation decides itself.")
    try:
        json.dumps(options, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        # Python reads NaN and infinity as numbers, and TOML has dates: JSON has none of these.
        raise InvalidInputError(
            f"'{text}' has a value that a search cannot be sent: numbers must be finite, and dates "
            "stand in quotes."
        ) from error
    return options


def _value(text: str) -> Any:  # noqa: ANN401 - whatever JSON says
    try:
        return json.loads(text)
    except ValueError:
        return text
