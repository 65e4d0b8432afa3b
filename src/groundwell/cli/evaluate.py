"""`groundwell eval`: how good retrieval is, measured on judged queries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from groundwell.cli.console import DataDir, KeyFile, Url

_MOST_AT_ONCE = 64

Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="DIR",
        help="A folder in BEIR's form: corpus.jsonl[.gz], queries.jsonl, qrels/*.tsv.",
    ),
]
StoredSet = Annotated[
    str | None,
    typer.Option("--set", metavar="NAME", help="Judgements that the server keeps, instead of DIR."),
]
Split = Annotated[str, typer.Option(help="Which file of qrels to use.")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write all results as JSON.")
]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write a report to look at.")
]
Config = Annotated[
    str | None, typer.Option(help="Options of the searches, such as search_type=keyword.")
]
Compare = Annotated[
    tuple[str, str] | None,
    typer.Option(metavar="A B", help="Measure two configurations, and B against A."),
]
Configs = Annotated[
    Path | None, typer.Option(metavar="FILE", help="TOML or JSON file that names some.")
]
Against = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Compare with what --json wrote earlier.")
]
Collection = Annotated[
    str | None, typer.Option("--collection", "-c", help="Collection to use, if not a new one.")
]
Concurrency = Annotated[int, typer.Option(help="Queries asked at once.", min=1, max=_MOST_AT_ONCE)]
Work = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Keep the data here between runs.")
]


def evaluate(
    folder: Folder = None,
    stored_set: StoredSet = None,
    split: Split = "test",
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    config: Config = None,
    compare: Compare = None,
    configs: Configs = None,
    against: Against = None,
    collection: Collection = None,
    concurrency: Concurrency = 4,
    work: Work = None,
    data_dir: DataDir = None,
    url: Url = None,
    key_file: KeyFile = None,
) -> None:
    """Measure how well searches find what is known to be relevant.

    Starts a server of its own for the time, unless --url or --set name another. When it is cut
    off, the same command goes on where it stopped.
    """
    if (folder is None) == (stored_set is None):
        raise typer.BadParameter("Name either a folder or, with --set, a set of the server.")
    if compare is not None and (config is not None or against is not None):
        raise typer.BadParameter("--compare goes with neither --config nor --against.")
    # What measures needs numpy, which takes its time; other commands do not.
    from groundwell.cli.evaluation import command, run  # noqa: PLC0415 - slow, see above

    place = run.Place(url, key_file, data_dir, collection, work, concurrency, stored_set)
    outputs = command.Outputs(json_file, html_file)
    wanted = compare or (config or "",)
    judgements = command.Judgements(folder, split)
    command.run_evaluation(judgements, wanted, configs, against, place, outputs)
