"""`groundwell login`, `logout` and `whoami`: who one is, and at which server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from groundwell.cli.client import Client, ServerError, talk_to
from groundwell.cli.console import AsJson, DataDir, KeyFile, Url, err, out, print_json, printable
from groundwell.cli.destination import (
    KEY_VARIABLE,
    Address,
    Destination,
    KeySource,
    find_address,
    find_destination,
    read_address,
)
from groundwell.cli.session import Session, read_session, remove_session, write_session
from groundwell.domain.api_keys import read_api_key
from groundwell.domain.errors import StartupError

_MOST_BYTES = 1 << 16
_COME_BEFORE = ("GROUNDWELL_URL", KEY_VARIABLE, "GROUNDWELL_DATA_DIR")


@dataclass(frozen=True, slots=True)
class _Key:
    """What is known of the caller's key. `expires_at` is None when it does not end."""

    id: str
    name: str
    expires_at: str | None


@dataclass(frozen=True, slots=True)
class _Caller:
    """Whom a server takes the key for. `key` is None when it is a token, or has been deleted.

    `name` is known to administrators only.
    """

    server: str
    id: str
    name: str | None
    tenant: str
    role: str
    tier: str
    scopes: list[str]
    key: _Key | None
    key_from: KeySource


def login(
    url: Url = None,
    data_dir: DataDir = None,
    *,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Send the key unencrypted, over http.")
    ] = False,
) -> None:
    """Keep an API key, so that later commands use it.

    Asks for the key. When standard input is no terminal, the key is read from there.
    """
    address = find_address(data_dir, url)
    if address.is_exposed:
        _warn(address, insecure=insecure)
    destination = Destination.of(address, _ask_for_key(address), KeySource.LOGIN)
    with talk_to(destination) as client:
        caller = _look(client, destination)
    path = write_session(Session(address.url, destination.key))
    out.print("Logged in.")
    _show(caller)
    err.print(f"The key is kept in {path}.", style="dim", markup=False)
    for name in _COME_BEFORE:
        if os.environ.get(name):
            err.print(f"{name} is set, and comes before the session.", style="yellow")


def logout(
    *,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Revoke the key at the server, too.")
    ] = False,
) -> None:
    """Forget the key that `login` kept."""
    if revoke:
        session = read_session()
        if session is not None:
            _revoke(session)
    out.print("Logged out." if remove_session() else "You were not logged in.")


def whoami(
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show whom the server takes you for, and what the key may do."""
    destination = find_destination(data_dir, url, key_file)
    with talk_to(destination) as client:
        caller = _look(client, destination)
    if as_json:
        print_json(asdict(caller))
    else:
        _show(caller)


def _warn(address: Address, *, insecure: bool) -> None:
    danger = f"{address.url} is not encrypted: whoever sits between can read the key."
    if not insecure:
        raise StartupError(
            f"{danger} Use https, or add --insecure if you trust the network.", code="not_encrypted"
        )
    err.print(danger, style="yellow", markup=False)


def _ask_for_key(address: Address) -> str:
    if sys.stdin.isatty():
        prompt = f"API key for {address.url}"
        return str(typer.prompt(prompt, hide_input=True, err=True))
    return sys.stdin.buffer.read(_MOST_BYTES).decode("utf-8", errors="replace")


def _look(client: Client, destination: Destination) -> _Caller:
    known = read_api_key(destination.key)
    try:
        me = client.get("/api/v1/users/me")
        # Only administrators may read users, be it themselves.
        user = client.get(f"/api/v1/users/{me['id']}") if "admin" in me["scopes"] else {}
        keys = [] if known is None else client.get("/api/v1/keys")["keys"]
        key = next((key for key in keys if known is not None and key["id"] == known.id), None)
        return _Caller(
            server=destination.address.url,
            id=str(me["id"]),
            name=user.get("name"),
            tenant=str(me["tenant"]),
            role=str(me["role"]),
            tier=str(me["tier"]),
            scopes=[str(scope) for scope in me["scopes"]],
            key=None if key is None else _Key(key["id"], key["name"], key["expires_at"]),
            key_from=destination.source,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise client.stranger() from error


def _describe(caller: _Caller) -> Iterator[tuple[str, str]]:
    yield "server", caller.server
    yield "user", f"{caller.name} ({caller.id})" if caller.name else caller.id
    yield "role", f"{caller.role}, tier {caller.tier}"
    yield "scopes", ", ".join(caller.scopes)
    if caller.key is not None:
        yield "key", f"{caller.key.name} ({caller.key.id})"
        yield "expires", caller.key.expires_at or "never"
    if caller.key_from is not KeySource.LOGIN:
        yield "key from", caller.key_from


def _show(caller: _Caller) -> None:
    for name, value in _describe(caller):
        out.print(f"{name:10}", style="dim", end="")
        out.print(printable(value), markup=False)


def _revoke(session: Session) -> None:
    """Revoke the key of the session at its server, unless it is refused there already."""
    key = read_api_key(session.key)
    if key is None:
        raise StartupError(
            "What the session holds is no API key and cannot be revoked. Run `groundwell logout`.",
            code="bad_key",
        )
    destination = Destination(read_address(session.url), session.key, KeySource.SESSION)
    try:
        with talk_to(destination) as client:
            client.delete(f"/api/v1/keys/{key.id}")
    except ServerError as error:
        if error.code != "unauthenticated":
            raise
