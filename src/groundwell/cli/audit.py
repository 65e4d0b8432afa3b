"""`groundwell audit`: who did what to the safety of the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from groundwell.cli.client import Client, connect
from groundwell.cli.console import AsJson, DataDir, KeyFile, Url, out, print_json, printable

_PAGE = 500


def audit(
    action: Annotated[
        str | None, typer.Option(help="Only this action, for example key.created.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Only what the user of this id did.")] = None,
    since: Annotated[str | None, typer.Option(help="Not before: 2026-11-21T00:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Before: 2026-11-22T00:00:00Z.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Most entries.", min=1)] = 50,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the audit log, newest first. Needs the key of an owner or administrator."""
    wanted = {"action": action, "actor": actor, "since": since, "until": until}
    with connect(data_dir, url, key_file) as client:
        entries = list(_read(client, limit, wanted))
    if as_json:
        print_json(entries)
        return
    for entry in entries:
        _show(entry)


def _read(client: Client, limit: int, wanted: dict[str, str | None]) -> Iterator[dict[str, Any]]:
    cursor = None
    while limit > 0:
        page = client.get("/api/v1/audit", limit=min(limit, _PAGE), cursor=cursor, **wanted)
        yield from page["entries"]
        limit -= len(page["entries"])
        cursor = page["next_cursor"]
        if cursor is None:
            return


def _show(entry: dict[str, Any]) -> None:
    times = f" ×{entry['count']}" if entry["count"] > 1 else ""
    out.print(f"{entry['at'][:19]}  ", style="dim", end="")
    out.print(f"{entry['action']}{times}", style="bold", end="")
    for name in ("object", "detail", "actor", "address"):
        if entry[name]:
            out.print(f"  {name} ", style="dim", end="")
            out.print(printable(entry[name]), markup=False, end="")
    out.print()
