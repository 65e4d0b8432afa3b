"""What to try when nothing was found."""

from __future__ import annotations

from groundwell.cli.client import Client
from groundwell.cli.console import err


def hint_at_other_collections(client: Client, searched: str) -> None:
    """Say so when the collection is empty, and which ones are not."""
    collections = client.get("/api/v1/collections")["collections"]
    sizes = {item["name"]: item["document_count"] for item in collections}
    if sizes.get(searched):
        return
    others = [f"{name} ({count} documents)" for name, count in sizes.items() if count]
    err.print(f"The collection '{searched}' is empty.", style="yellow", markup=False)
    if others:
        err.print(f"Name another one with --collection: {', '.join(others)}.", markup=False)
    else:
        err.print("Bring documents in with `groundwell ingest PATH`.", markup=False)
