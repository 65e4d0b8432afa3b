"""`groundwell create-tenant`: room for somebody whose data nobody else sees."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from groundwell.cli.console import AsJson, DataDir, err, print_json


def create_tenant(
    name: Annotated[str, typer.Argument(help="What to call it; for people.")],
    identity: Annotated[
        UUID | None,
        typer.Option("--id", help="Its id, if tokens or a gateway name it already; else made up."),
    ] = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a tenant with an owner, whose API key is printed once. Needs the database, no key."""
    # Database and settings take a moment to import; other commands need neither.
    from groundwell.bootstrap.tenants import create_tenant  # noqa: PLC0415 - slow, see above
    from groundwell.settings import load_settings  # noqa: PLC0415 - slow, see above

    settings = load_settings(data_dir=data_dir)
    made = asyncio.run(create_tenant(settings, name, identity))
    if as_json:
        print_json({"tenant": str(made.id), "owner": str(made.owner), "key": made.key})
        return
    err.print(f"Tenant {made.id} ({name}). The key of its owner, shown this once:", markup=False)
    print(made.key)
