"""`groundwell ask`: a question, an answer, and where it stands."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from groundwell.cli.client import ServerError, connect
from groundwell.cli.console import AsJson, DataDir, InCollection, KeyFile, Url, err, out, print_json
from groundwell.cli.hints import hint_at_other_collections
from groundwell.domain.documents import DEFAULT_COLLECTION

# The value of AnswerMode.NOT_FOUND, whose module would bring numpy along: 0.1 s for one word.
_NOT_FOUND = "not_found"


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    collection: InCollection = DEFAULT_COLLECTION,
    conversation: Annotated[
        str | None, typer.Option(help="Id of a conversation to continue.")
    ] = None,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Answer a question from the documents, with numbered citations."""
    body = {"query": question, "collection": collection, "conversation_id": conversation}
    with connect(data_dir, url, key_file) as client:
        if as_json:
            print_json(client.post("/api/v1/ask", body))
            return
        mode = _stream(client.events("/api/v1/ask", {**body, "stream": True}))
        if mode == _NOT_FOUND:
            hint_at_other_collections(client, collection)


def _stream(events: Any) -> str:  # noqa: ANN401 - pairs of a name and JSON
    """Print the answer as it comes and return its mode."""
    streamed = mode = ""
    for name, data in events:
        if name == "message":
            streamed += data["delta"]
            out.print(data["delta"], end="", markup=False)
        elif name == "error":
            out.print()
            raise ServerError(data["detail"], code=data["code"])
        elif name == "final_answer":
            _finish(data, streamed)
            mode = data["mode"]
    return mode


def _finish(answer: dict[str, Any], streamed: str) -> None:
    out.print()
    if answer["answer"].strip() != streamed.strip():
        out.print("\nAfter checking it against the sources, the answer is:", style="yellow")
        out.print(answer["answer"], markup=False)
    if answer["citations"]:
        out.print()
    for citation in answer["citations"]:
        page = f", page {citation['page']}" if citation["page"] is not None else ""
        place = f"{citation['filename']}{page}, characters "
        place += f"{citation['char_start']}-{citation['char_end']}"
        out.print(f"[{citation['marker']}] ", style="bold cyan", markup=False, end="")
        out.print(place, style="dim", markup=False)
        out.print(f'    "{" ".join(citation["quote"].split())}"', markup=False)
    err.print(f"conversation {answer['conversation_id']}", style="dim")
