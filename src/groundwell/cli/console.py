"""Talking to the person at the terminal: results on stdout, the rest on stderr."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of database, files and keys.", envvar="GROUNDWELL_DATA_DIR"),
]
Url = Annotated[
    str | None,
    typer.Option(
        help="Address of the server; else the one you are logged in to, or that of this machine.",
        envvar="GROUNDWELL_URL",
    ),
]
# Not the key: what stands in a command, every user of the machine can list, and the shell keeps.
KeyFile = Annotated[
    Path | None,
    typer.Option(help="File with an API key; else GROUNDWELL_API_KEY, or the key that is kept."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
InCollection = Annotated[str, typer.Option("--collection", "-c", help="Collection to use.")]


def complain(sentence: str) -> None:
    """Say what went wrong."""
    err.print("[bold red]Error:[/] ", end="")
    err.print(sentence, markup=False)


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever the server answered
    """Print a value as JSON on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone, unless `yes`; end the command with a no."""
    if not yes:
        typer.confirm(printable(question), abort=True, err=True)


def printable(text: str) -> str:
    """Names are what people made of them: none of them may command the terminal."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below their heads, in columns. Nothing is cut off, for a pipe may follow."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(heads, *shown, strict=True)]
    for number, row in enumerate([heads, *shown]):
        cells = (
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        )
        style = None if number else "bold"
        out.print("  ".join(cells).rstrip(), style=style, markup=False)
