"""`groundwell search`: look something up."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from groundwell.cli.client import connect
from groundwell.cli.console import AsJson, DataDir, InCollection, KeyFile, Url, err, out, print_json
from groundwell.cli.explanation import show_explanation
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
    key_file: KeyFile = None,
    *,
    explain: Annotated[bool, typer.Option(help="Show what made each result.")] = False,
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
    with connect(data_dir, url, key_file) as client:
        answer = client.post("/api/v1/search", body)
        if as_json:
            print_json(answer)
            return
        if not answer["results"]:
            hint_at_other_collections(client, collection)
    for correction in answer["corrections"]:
        err.print(f"Searched for {correction['corrected']}, not {correction['original']}.")
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
        show_explanation(explanation)
    out.print()
