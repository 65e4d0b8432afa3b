"""`groundwell users`: who is let in, and as what."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import typer

from groundwell.cli.client import Client, ServerError, connect
from groundwell.cli.console import (
    AsJson,
    DataDir,
    KeyFile,
    Url,
    Yes,
    confirm,
    out,
    print_json,
    print_table,
    printable,
)
from groundwell.domain.identity import Role, Tier

app = typer.Typer(
    help="Make, change and delete users. Needs the key of an owner or administrator.",
    no_args_is_help=True,
)

Who = Annotated[str, typer.Argument(metavar="USER", help="The id of a user, or the name.")]
Name = Annotated[str, typer.Argument(help="The name.")]
# Spelt out: the server's enumeration would bring the server along.
DocumentsOfUser = Literal["hand_over", "delete"]


@app.command("list")
def list_users(
    data_dir: DataDir = None, url: Url = None, key_file: KeyFile = None, *, as_json: AsJson = False
) -> None:
    """Show all users, the oldest first."""
    with connect(data_dir, url, key_file) as client:
        _report(client.get("/api/v1/users")["users"], as_json=as_json)


@app.command()
def show(
    user: Who,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one user."""
    with connect(data_dir, url, key_file) as client:
        _report(find_user(client, user), as_json=as_json)


@app.command()
def create(
    name: Name,
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.READER,
    tier: Annotated[Tier, typer.Option(help="Which limits count for the user.")] = Tier.FREE,
    subject: Annotated[
        str | None, typer.Option(help="What access tokens or a gateway call the user.")
    ] = None,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a user. `groundwell keys create --user` then makes a key."""
    body = {"name": name, "role": role, "tier": tier, "subject": subject}
    with connect(data_dir, url, key_file) as client:
        _report(client.post("/api/v1/users", body), as_json=as_json)


@app.command()
def rename(
    user: Who,
    name: Name,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give a user another name."""
    with connect(data_dir, url, key_file) as client:
        _change(client, user, {"name": name}, as_json=as_json)


@app.command("set-role")
def set_role(
    user: Who,
    role: Annotated[Role, typer.Argument(help="What the user may do.")],
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give a user another role. Keys lose the scopes that the role lacks."""
    with connect(data_dir, url, key_file) as client:
        _change(client, user, {"role": role}, as_json=as_json)


@app.command("set-tier")
def set_tier(
    user: Who,
    tier: Annotated[Tier, typer.Argument(help="Which limits count for the user.")],
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give a user another tier."""
    with connect(data_dir, url, key_file) as client:
        _change(client, user, {"tier": tier}, as_json=as_json)


@app.command()
def disable(
    user: Who,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
    yes: Yes = False,
) -> None:
    """Refuse a user with every credential. What the user made stays."""
    with connect(data_dir, url, key_file) as client:
        found = find_user(client, user)
        confirm(f"Disable {_called(found)}?", yes=yes)
        _change(client, found["id"], {"disabled": True}, as_json=as_json)


@app.command()
def enable(
    user: Who,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let a disabled user in again."""
    with connect(data_dir, url, key_file) as client:
        _change(client, user, {"disabled": False}, as_json=as_json)


@app.command()
def delete(
    user: Who,
    documents: Annotated[
        DocumentsOfUser,
        typer.Option(help="Give the documents to the owner of the tenant, or delete them."),
    ] = "hand_over",
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    yes: Yes = False,
) -> None:
    """Delete a user with keys and conversations."""
    with connect(data_dir, url, key_file) as client:
        found = find_user(client, user)
        their = "all documents" if documents == "delete" else "without the documents"
        confirm(f"Delete {_called(found)}, keys and conversations, {their}, for good?", yes=yes)
        client.delete(f"/api/v1/users/{found['id']}", documents=documents)
    out.print(f"{_called(found)} is deleted.", markup=False)


def find_user(client: Client, called: str) -> dict[str, Any]:
    """The user with an id, or the only one with a name.

    Raises ServerError when there is none. Names are no ids: two users may have the same.
    """
    try:
        found: dict[str, Any] = client.get(f"/api/v1/users/{UUID(called)}")
    except ValueError:
        users = client.get("/api/v1/users")["users"]
        named = [user for user in users if user["name"] == called]
        if len(named) != 1:
            count = f"{len(named)} users are" if named else "No user is"
            raise ServerError(
                f"{count} called '{printable(called)}'. `groundwell users list` shows their ids.",
                code="not_found",
            ) from None
        found = named[0]
    return found


def _change(client: Client, user: str, change: dict[str, Any], *, as_json: bool) -> None:
    identity = find_user(client, user)["id"]
    _report(client.patch(f"/api/v1/users/{identity}", change), as_json=as_json)


def _called(user: dict[str, Any]) -> str:
    return f"{printable(user['name'])} ({user['id']}, {user['role']})"


def _report(found: Any, *, as_json: bool) -> None:  # noqa: ANN401 - a user or many, as JSON
    if as_json:
        print_json(found)
        return
    rows = [
        (
            user["id"],
            user["name"],
            user["role"],
            user["tier"],
            "disabled" if user["disabled"] else "enabled",
            user["created_at"][:10],
            user["subject"] or "-",
        )
        for user in (found if isinstance(found, list) else [found])
    ]
    print_table(("ID", "NAME", "ROLE", "TIER", "STATE", "CREATED", "SUBJECT"), rows)
