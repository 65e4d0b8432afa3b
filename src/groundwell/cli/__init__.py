"""The command `groundwell`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from groundwell import __version__
from groundwell.cli import keys, users
from groundwell.cli.ask import ask
from groundwell.cli.audit import audit
from groundwell.cli.backup import backup, restore
from groundwell.cli.console import complain
from groundwell.cli.doctor import doctor
from groundwell.cli.evaluate import evaluate
from groundwell.cli.holdings import delete_tenant, export
from groundwell.cli.ingest import ingest
from groundwell.cli.login import login, logout, whoami
from groundwell.cli.quiz import quiz
from groundwell.cli.search import search
from groundwell.cli.serve import serve
from groundwell.cli.tenants import create_tenant
from groundwell.cli.work import work
from groundwell.domain.api_keys import find_key_id
from groundwell.domain.errors import GroundwellError, StartupError

_app = typer.Typer(
    name="groundwell",
    help="A RAG server that proves its answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_OPERATION, _DOCUMENTS, _ACCESS = "The server", "Documents and questions", "Users and keys"
_app.command(rich_help_panel=_OPERATION)(serve)
_app.command(rich_help_panel=_OPERATION)(work)
_app.command(rich_help_panel=_OPERATION)(doctor)
_app.command(rich_help_panel=_OPERATION)(backup)
_app.command(rich_help_panel=_OPERATION)(restore)
_app.command(name="create-tenant", rich_help_panel=_OPERATION)(create_tenant)
_app.command(rich_help_panel=_DOCUMENTS)(ingest)
_app.command(rich_help_panel=_DOCUMENTS)(search)
_app.command(rich_help_panel=_DOCUMENTS)(ask)
_app.command(rich_help_panel=_DOCUMENTS)(quiz)
_app.command(name="eval", rich_help_panel=_DOCUMENTS)(evaluate)
_app.command(rich_help_panel=_ACCESS)(login)
_app.command(rich_help_panel=_ACCESS)(logout)
_app.command(rich_help_panel=_ACCESS)(whoami)
_app.add_typer(keys.app, name="keys", rich_help_panel=_ACCESS)
_app.add_typer(users.app, name="users", rich_help_panel=_ACCESS)
_app.command(rich_help_panel=_ACCESS)(audit)
_app.command(rich_help_panel=_ACCESS)(export)
_app.command(name="delete-tenant", rich_help_panel=_ACCESS)(delete_tenant)


@_app.callback(invoke_without_command=True)
def _options(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line. Errors of ours become one sentence and exit code 1."""
    try:
        _refuse_keys(sys.argv[1:])
        _app()
    except GroundwellError as error:
        complain(error.detail)
        sys.exit(1)


def _refuse_keys(arguments: list[str]) -> None:
    """Stop before a key that was typed into a command is used, sent or repeated."""
    for identity in filter(None, map(find_key_id, arguments)):
        raise StartupError(
            "An API key stands in the command, where everybody on this machine can list it, and in "
            f"the history of your shell. Revoke it with `groundwell keys revoke {identity}`. Give "
            "keys to `groundwell login`, or in a file with --key-file.",
            code="key_in_command",
        )
