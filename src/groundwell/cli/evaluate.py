"""`groundwell eval`: how good retrieval is, measured on judged queries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from groundwell.cli.console import DataDir, Key, Url

_MOST_AT_ONCE = 64


def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A folder in BEIR's form: corpus.jsonl[.gz], queries.jsonl, qrels/*.tsv.",
        ),
    ],
    split: Annotated[str, typer.Option(help="Which file of qrels to use.")] = "test",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all results as JSON.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a report to look at.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="Options of the searches, such as search_type=keyword.")
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Measure two configurations, and B against A."),
    ] = None,
    configs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML or JSON file that names some.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compare with what --json wrote earlier.")
    ] = None,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Collection to use, if not a new one.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option(help="Queries asked at once.", min=1, max=_MOST_AT_ONCE)
    ] = 4,
    work: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the data here between runs.")
    ] = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Measure how well searches find what is known to be relevant.

    Starts a server of its own for the time, unless --url names one. When it is cut off, the same
    command goes on where it stopped.
    """
    if compare is not None and (config is not None or against is not None):
        raise typer.BadParameter("--compare goes with neither --config nor --against.")
    for file in (json_file, html_file):
        if file is not None and not file.resolve().parent.is_dir():
            raise typer.BadParameter(f"There is no folder for {file}.")
    # What measures needs numpy, which takes its time; other commands do not.
    from groundwell.cli.evaluation.command import (  # noqa: PLC0415 - slow, see above
        Outputs,
        run_evaluation,
    )
    from groundwell.cli.evaluation.run import Place  # noqa: PLC0415 - as above

    run_evaluation(
        folder,
        split,
        compare or (config or "",),
        configs,
        against,
        Place(url, key, data_dir, collection, work, concurrency),
        Outputs(json_file, html_file),
    )
