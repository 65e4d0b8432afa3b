"""`groundwell export` and `groundwell delete-tenant`: taking data out, and taking it away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from groundwell.cli.client import connect
from groundwell.cli.console import DataDir, KeyFile, Url, Yes, confirm, err, out
from groundwell.domain.errors import BackupError


def export(
    target: Annotated[Path, typer.Argument(help="The ZIP archive to write.")],
    user: Annotated[
        str | None, typer.Option("--user", help="Id of a user; without it, the whole tenant.")
    ] = None,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
) -> None:
    """Take out all that is held of a user, or of the tenant."""
    if target.exists():
        raise BackupError(f"{target} is there already. Name another file.", code="file_exists")
    path = "/api/v1/tenant/export" if user is None else f"/api/v1/users/{user}/export"
    with connect(data_dir, url, key_file) as client:
        size = client.download(path, target)
    err.print(f"{target}: {size:,} bytes", highlight=False)


def delete_tenant(
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    yes: Yes = False,
) -> None:
    """Delete the tenant of the key, with all users, documents and conversations."""
    with connect(data_dir, url, key_file) as client:
        tenant = str(client.get("/api/v1/users/me")["tenant"])
        documents = sum(client.get("/api/v1/documents", limit=1)["counts"].values())
        confirm(f"Delete the tenant {tenant} with its {documents} documents for good?", yes=yes)
        client.delete("/api/v1/tenant", confirm=tenant)
    out.print(f"Tenant {tenant} is deleted.", highlight=False)
