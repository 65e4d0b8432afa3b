"""`groundwell search`: look something up."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from groundwell.cli.client import connect
from groundwell.cli.console import AsJson, DataDir, InCollection, Key, Url, err, out, print_json
from groundwell.cli.hints import hint_at_other_collections
from groundwell.domain.documents import DEFAULT_COLLECTION

_SHOWN_CHARACTERS = 400
# Spelt out, since the domain's own enumeration brings numpy with it, which takes its time.
_SearchType = Literal["hybrid", "semantic", "keyword"]


def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    collection: InCollection = DEFAULT_COLLECTION,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Most results.")] = 5,
    search_type: Annotated[
        _SearchType, typer.Option("--type", help="Which legs of the search run.")
    ] = "hybrid",
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    *,
    explain: Annotated[bool, typer.Option(help="Show the score of every stage.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find the passages that fit best."""
    body = {
        "query": query,
        "collection": collection,
        "limit": limit,
        "search_type": search_type,
        "explain": explain,
    }
    with connect(data_dir, url, key) as client:
        answer = client.post("/api/v1/search", body)
        if as_json:
            print_json(answer)
            return
        if not answer["results"]:
            hint_at_other_collections(client, collection)
    for number, result in enumerate(answer["results"], start=1):
        _show(number, result)
    timings = answer["timings_ms"]
    err.print(f"{len(answer['results'])} found in {timings['total']:.1f} ms", style="dim")


def _show(number: int, result: dict[str, Any]) -> None:
    page = f", page {result['page']}" if result["page"] is not None else ""
    out.print(f"[bold cyan]{number}.[/] ", end="")
    out.print(result["title"] or result["filename"], style="bold", markup=False, end="")
    out.print(f"  {result['filename']}{page}", style="dim", markup=False, end="")
    out.print(f"  {result['score']:.3f}", style="green")
    text = " ".join(result["text"].split())
    shortened = text[:_SHOWN_CHARACTERS] + ("…" if len(text) > _SHOWN_CHARACTERS else "")
    out.print(f"   {shortened}", markup=False)
    if explanation := result.get("explain"):
        parts = [f"{name} {_number(value)}" for name, value in explanation.items()]
        out.print("   " + ", ".join(parts), style="dim", markup=False)
    out.print()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")
