"""Talking to the person at the terminal: results on stdout, the rest on stderr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of database, files and keys.", envvar="GROUNDWELL_DATA_DIR"),
]
Url = Annotated[
    str | None,
    typer.Option(help="Address of the server, if it is not here.", envvar="GROUNDWELL_URL"),
]
Key = Annotated[
    str | None,
    typer.Option("--key", help="API key, if not the owner's.", envvar="GROUNDWELL_API_KEY"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
InCollection = Annotated[str, typer.Option("--collection", "-c", help="Collection to use.")]


def complain(sentence: str) -> None:
    """Say what went wrong."""
    err.print("[bold red]Error:[/] ", end="")
    err.print(sentence, markup=False)


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever the server answered
    """Print a value as JSON on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2))
