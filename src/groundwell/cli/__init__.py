"""The command `groundwell`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from groundwell.cli.ask import ask
from groundwell.cli.console import complain
from groundwell.cli.doctor import doctor
from groundwell.cli.evaluate import evaluate
from groundwell.cli.ingest import ingest
from groundwell.cli.search import search
from groundwell.cli.serve import serve
from groundwell.cli.work import work
from groundwell.domain.errors import GroundwellError

_app = typer.Typer(
    name="groundwell",
    help="A RAG server that proves its answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_app.command()(serve)
_app.command()(work)
_app.command()(ingest)
_app.command()(search)
_app.command()(ask)
_app.command(name="eval")(evaluate)
_app.command()(doctor)


@_app.callback(invoke_without_command=True)
def _options(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        from groundwell import __version__  # noqa: PLC0415 - the version costs a metadata look-up

        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line. Errors of ours become one sentence and exit code 1."""
    try:
        _app()
    except GroundwellError as error:
        complain(error.detail)
        sys.exit(1)
