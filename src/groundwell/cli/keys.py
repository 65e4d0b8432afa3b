"""`groundwell keys`: API keys are made, listed, revoked."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer

from groundwell.cli.client import Client, ServerError, connect
from groundwell.cli.console import (
    AsJson,
    DataDir,
    KeyFile,
    Url,
    Yes,
    confirm,
    err,
    out,
    print_json,
    print_table,
    printable,
)
from groundwell.cli.users import find_user
from groundwell.domain.identity import Scope

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


def _read_time(text: str) -> datetime:
    """A moment; without a time zone it is meant in UTC, without an hour midnight."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"'{text}' is no time. Write it like 2030-01-31 or 2030-01-31T18:00:00Z."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@app.command("list")
def list_keys(
    data_dir: DataDir = None, url: Url = None, key_file: KeyFile = None, *, as_json: AsJson = False
) -> None:
    """Show your keys, the newest first; with the scope admin, those of all users."""
    with connect(data_dir, url, key_file) as client:
        keys = client.get("/api/v1/keys")["keys"]
        names = {} if as_json else _names(client, keys)
    if as_json:
        print_json(keys)
    else:
        print_table(
            ("ID", "NAME", "USER", "SCOPES", "STATE", "CREATED", "EXPIRES"),
            [_row(key, names) for key in keys],
        )


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scopes: Annotated[
        list[Scope], typer.Option("--scope", help="What it may do; can be given several times.")
    ],
    expires: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME", parser=_read_time, help="When it ends, like 2030-01-31; else never."
        ),
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Id or name of the user whose key it is; else yours.")
    ] = None,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a key, and print it: on standard output alone, and only this once."""
    with connect(data_dir, url, key_file) as client:
        body = {
            "name": name,
            "scopes": sorted(set(scopes)),
            "expires_at": None if expires is None else expires.isoformat(),
            "user_id": None if user is None else find_user(client, user)["id"],
        }
        made = client.post("/api/v1/keys", body)
        _hand_out(client, made, as_json=as_json)
    err.print(
        f"Key {made['id']} of user {made['user_id']}, {', '.join(made['scopes'])}, expires "
        f"{made['expires_at'] or 'never'}. It is shown this once and not kept.",
        style="dim",
        markup=False,
    )


@app.command()
def revoke(
    key_id: Annotated[
        str, typer.Argument(metavar="ID", help="The id of the key: its second part, gw_ID_….")
    ],
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    yes: Yes = False,
) -> None:
    """Refuse a key from now on, everywhere within five seconds."""
    with connect(data_dir, url, key_file) as client:
        keys = client.get("/api/v1/keys")["keys"]
        known = next((key for key in keys if key["id"] == key_id), None)
        if known is not None:
            named = f"'{printable(known['name'])}' ({key_id}) of {known['user_id']}"
            confirm(f"Revoke the key {named} for good?", yes=yes)
        client.delete(f"/api/v1/keys/{quote(key_id, safe='')}")
    out.print(f"Key {key_id} is revoked.", markup=False)


def _hand_out(client: Client, made: dict[str, Any], *, as_json: bool) -> None:
    """Print the new key. One that nobody could read is revoked again."""
    try:
        if as_json:
            print_json(made)
        else:
            print(made["key"])
        sys.stdout.flush()
    except OSError as error:
        client.delete(f"/api/v1/keys/{made['id']}")
        raise ServerError(
            f"The key could not be written, and is revoked: {error.strerror}.", code="lost_key"
        ) from error


def _names(client: Client, keys: list[dict[str, Any]]) -> dict[str, str]:
    """The users' names by their ids, where the keys are of several: one sees then all of them."""
    if len({key["user_id"] for key in keys}) <= 1:
        return {}
    return {user["id"]: user["name"] for user in client.get("/api/v1/users")["users"]}


def _row(key: dict[str, Any], names: dict[str, str]) -> tuple[str, ...]:
    return (
        key["id"],
        key["name"],
        names.get(key["user_id"], key["user_id"]),
        " ".join(key["scopes"]),
        _state(key),
        key["created_at"][:10],
        (key["expires_at"] or "never")[:10],
    )


def _state(key: dict[str, Any]) -> str:
    if key["revoked_at"] is not None:
        return "revoked"
    ends = key["expires_at"]
    is_over = ends is not None and datetime.fromisoformat(ends) <= datetime.now(UTC)
    return "expired" if is_over else "active"
