"""An evaluation as tables in the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from groundwell.cli.console import err, out
from groundwell.cli.evaluation.results import Evaluation, Run
from groundwell.domain.evaluation import MEASURES, Comparison

LABELS = {
    "ndcg@10": "nDCG@10",
    "mrr@10": "MRR@10",
    "recall@5": "Recall@5",
    "recall@10": "Recall@10",
    "recall@100": "Recall@100",
    "precision@5": "Precision@5",
}
SIGNIFICANT = 0.05
_SHOWN_CHANGES = 5
_QUERY_CHARACTERS = 70


def show(evaluation: Evaluation) -> None:
    """Print everything, the figures on standard output, remarks on standard error."""
    collection = evaluation.collection
    rate = evaluation.ingest_docs_per_s
    ingested = "" if rate is None else f", ingested at {rate:.1f} a second"
    out.print(
        f"[bold]{escape(collection.title)}[/]: "
        f"{len(collection.queries):,} queries, {evaluation.documents:,} documents{ingested}"
    )
    if evaluation.settings:
        out.print(f"Settings: {shown_settings(evaluation.settings)}", markup=False)
    for remark in remarks(evaluation):
        err.print(remark, style="yellow", markup=False)
    out.print()
    if evaluation.comparison is None:
        out.print(_measures(evaluation.measured))
    else:
        # Two configurations can have long names, columns cannot.
        out.print(f"A  {evaluation.baseline}", markup=False)
        out.print(f"B  {evaluation.measured.configuration.name}", markup=False)
        out.print(f"Queries in common: {evaluation.comparison.queries:,}\n")
        out.print(_comparison(evaluation.comparison))
        _show_changes(evaluation, evaluation.comparison)
    out.print()
    out.print(_latency(evaluation.runs))


def shown_settings(settings: Mapping[str, Any]) -> str:
    """Settings on one line."""
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in settings.items())


def remarks(evaluation: Evaluation) -> list[str]:
    """What a reader of the figures should know."""
    collection = evaluation.collection
    counted = (
        (collection.unjudged_queries, "Queries without a relevant document, left out"),
        (collection.unknown_queries, "Judged queries that are not among the queries, left out"),
        (
            collection.missing_documents,
            "Judged documents that are not in the corpus or have no text, counted as not found",
        ),
        (evaluation.failed_documents, "Documents that could not be ingested"),
        *(
            (
                run.degraded,
                f"Queries answered without a part of the search, {run.configuration.name}",
            )
            for run in evaluation.runs
        ),
    )
    return [f"{words}: {count:,}." for count, words in counted if count]


def _measures(run: Run) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column("measure")
    table.add_column(run.configuration.name, justify="right")
    for name in MEASURES:
        table.add_row(LABELS[name], f"{run.measures[name]:.4f}")
    return table


def _comparison(comparison: Comparison) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("measure", no_wrap=True)
    for heading in ("A", "B", "difference", "p", "better", "worse", "equal"):
        table.add_column(heading, justify="right", no_wrap=True)
    for line in comparison.differences:
        is_significant = line.p_value < SIGNIFICANT
        style = ("green" if line.difference > 0 else "red") if is_significant else ""
        table.add_row(
            LABELS[line.measure],
            f"{line.baseline:.4f}",
            f"{line.mean:.4f}",
            f"{line.difference:+.4f}{'*' if is_significant else ' '}",
            f"{line.p_value:.4f}",
            *(str(count) for count in (line.better, line.worse, line.equal)),
            style=style,
        )
    return table


def _show_changes(evaluation: Evaluation, comparison: Comparison) -> None:
    out.print("\n* p < 0.05, two-sided paired randomisation test", style="dim")
    if not comparison.changes:
        return
    texts = {query.id: query.text for query in evaluation.collection.queries}
    out.print("\nThe queries whose nDCG@10 changed most:", style="bold")
    for change in comparison.changes[:_SHOWN_CHANGES]:
        step = change.value - change.baseline
        out.print(f"  {change.baseline:.3f} to {change.value:.3f} ({step:+.3f})  ", end="")
        out.print(shortened(texts[change.query_id], _QUERY_CHARACTERS), markup=False, style="dim")


def shortened(text: str, characters: int) -> str:
    """The text on one line, cut with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def _latency(runs: tuple[Run, ...]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column("latency, ms")
    for letter in "AB"[: len(runs)]:
        prefix = f"{letter} " if len(runs) > 1 else ""
        table.add_column(f"{prefix}p50", justify="right")
        table.add_column(f"{prefix}p95", justify="right")
    for stage in dict.fromkeys(stage for run in runs for stage in run.latency_ms):
        cells = []
        for run in runs:
            found = run.latency_ms.get(stage)
            cells += ["-", "-"] if found is None else [f"{found.p50:.1f}", f"{found.p95:.1f}"]
        table.add_row(stage, *cells)
    return table
