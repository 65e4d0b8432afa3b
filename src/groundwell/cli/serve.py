"""`groundwell serve`: the server, and a worker beside it."""

from __future__ import annotations

from typing import Annotated

import typer

from groundwell.cli.console import DataDir
from groundwell.imports import lasting_imports


def serve(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = None,
    *,
    worker: Annotated[
        bool, typer.Option(help="Start a worker beside the server, which ingests documents.")
    ] = True,
    parent: Annotated[
        int | None, typer.Option(hidden=True, help="Stop when the process of this id ends.")
    ] = None,
) -> None:
    """Start the server."""
    # The model runtime and the web server take a second to import; other commands need neither.
    with lasting_imports():
        from groundwell.cli.server import run_server  # noqa: PLC0415 - slow, see above

    run_server(data_dir, host, port, with_worker=worker, parent=parent)
