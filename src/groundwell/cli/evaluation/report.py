"""An evaluation as one HTML file that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path

from groundwell.cli.evaluation.charts import (
    Series,
    difference_chart,
    distribution_chart,
    latency_chart,
)
from groundwell.cli.evaluation.folder import read_titles
from groundwell.cli.evaluation.query_list import query_list
from groundwell.cli.evaluation.results import Evaluation
from groundwell.cli.evaluation.table import LABELS, SIGNIFICANT, remarks, shown_settings
from groundwell.domain.evaluation import MEASURES, Comparison

_RANKED_BY = "ndcg@10"


def write_report(evaluation: Evaluation, path: Path) -> None:
    """Write the report. Documents are called by their titles, which are read from the corpus."""
    path.write_text(make_report(evaluation, read_titles(evaluation.collection)), encoding="utf-8")


def make_report(evaluation: Evaluation, titles: Mapping[str, str]) -> str:
    """The page: figures, charts, and the queries with what was found and what was expected."""
    name = evaluation.collection.name
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Retrieval on {escape(name)}</title>",
            f"<style>\n{_read('report.css')}</style>\n</head>\n<body>",
            *_sections(evaluation, titles),
            f"<script>\n{_read('report.js')}</script>\n</body>\n</html>\n",
        )
    )


def _sections(evaluation: Evaluation, titles: Mapping[str, str]) -> Iterator[str]:
    yield _heading(evaluation)
    yield '<div class="pair">'
    yield _section("How good", _measures(evaluation))
    yield _section("How fast", _latency(evaluation))
    runs = [
        Series(run.configuration.name, tuple(r.measures[_RANKED_BY] for r in run.results))
        for run in evaluation.runs
    ]
    yield _section("Query by query", _legend(evaluation) + distribution_chart(runs))
    if evaluation.comparison is not None and evaluation.comparison.changes:
        yield _section("What changed", _changes(evaluation, evaluation.comparison))
    yield "</div>"
    yield _section("Queries", query_list(evaluation, titles))


def _heading(evaluation: Evaluation) -> str:
    collection = evaluation.collection
    rate = evaluation.ingest_docs_per_s
    ingested = "" if rate is None else f", ingested at {rate:.1f} a second"
    notes = "".join(f'<p class="soft">{escape(remark)}</p>' for remark in remarks(evaluation))
    listed = f'<div class="remarks">{notes}</div>' if notes else ""
    return (
        f"<h1>Retrieval on {escape(collection.name)}</h1>"
        f"<p>{escape(collection.title)}: {len(collection.queries):,} queries, "
        f"{evaluation.documents:,} documents{ingested}. "
        f"Groundwell {escape(evaluation.version)}.</p>{_configurations(evaluation)}"
        f"{_settings(evaluation)}{listed}"
    )


def _settings(evaluation: Evaluation) -> str:
    if not evaluation.settings:
        return ""
    return f"<p>Settings: <code>{escape(shown_settings(evaluation.settings))}</code></p>"


def _configurations(evaluation: Evaluation) -> str:
    """What A and B mean, and the options behind a name."""
    lines = []
    for letter, name in zip("AB", _names(evaluation), strict=False):
        options = next(
            (r.configuration.options for r in evaluation.runs if r.configuration.name == name), {}
        )
        meant = ", ".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
        label = f"{letter}: " if evaluation.comparison is not None else "Configuration "
        said = f" ({escape(meant)})" if meant and "=" not in name else ""
        lines.append(f"<p>{label}<code>{escape(name)}</code>{said}</p>")
    return "".join(lines)


def _names(evaluation: Evaluation) -> list[str]:
    measured = evaluation.measured.configuration.name
    return [measured] if evaluation.baseline is None else [evaluation.baseline, measured]


def _measures(evaluation: Evaluation) -> str:
    if evaluation.comparison is None:
        rows = "".join(
            f"<tr><td>{LABELS[name]}</td><td>{evaluation.measured.measures[name]:.4f}</td></tr>"
            for name in MEASURES
        )
        return _table(("measure", "mean"), rows)
    rows = ""
    for line in evaluation.comparison.differences:
        is_significant = line.p_value < SIGNIFICANT
        kind = ("gain" if line.difference > 0 else "loss") if is_significant else ""
        rows += (
            f"<tr><td>{LABELS[line.measure]}</td><td>{line.baseline:.4f}</td>"
            f'<td>{line.mean:.4f}</td><td class="{kind}">{line.difference:+.4f}</td>'
            f"<td>{line.p_value:.4f}</td><td>{line.better}</td><td>{line.worse}</td></tr>"
        )
    heads = ("measure", "A", "B", "difference", "p", "better", "worse")
    said = "Coloured: p &lt; 0.05 in a two-sided paired randomisation test."
    return _table(heads, rows) + f'<p class="soft">{said}</p>'


def _latency(evaluation: Evaluation) -> str:
    runs = evaluation.runs
    stages = [stage for stage in runs[0].latency_ms if all(stage in run.latency_ms for run in runs)]
    halves = [
        Series(run.configuration.name, tuple(run.latency_ms[s].p50 for s in stages)) for run in runs
    ]
    tails = [
        Series(run.configuration.name, tuple(run.latency_ms[s].p95 for s in stages)) for run in runs
    ]
    said = '<p class="soft">Solid to p50, pale to p95; one query at a time, ten results.</p>'
    return _legend(evaluation) + latency_chart(stages, halves, tails) + said


def _changes(evaluation: Evaluation, comparison: Comparison) -> str:
    texts = {query.id: query.text for query in evaluation.collection.queries}
    steps = [
        (texts[change.query_id], change.value - change.baseline) for change in comparison.changes
    ]
    gained = sum(step > 0 for _, step in steps)
    said = f"{gained} queries gained, {len(steps) - gained} lost, "
    said += f"{comparison.queries - len(steps)} stayed."
    return f'<p class="soft">{said}</p>' + difference_chart(steps)


def _legend(evaluation: Evaluation) -> str:
    if len(evaluation.runs) == 1:
        return ""
    names = "".join(
        f'<span style="--colour: var(--run{index})">{"AB"[index]}: '
        f"{escape(run.configuration.name)}</span>"
        for index, run in enumerate(evaluation.runs)
    )
    return f'<div class="legend">{names}</div>'


def _table(heads: tuple[str, ...], rows: str) -> str:
    cells = "".join(f"<th>{escape(head)}</th>" for head in heads)
    return f'<div class="scroll"><table><tr>{cells}</tr>{rows}</table></div>'


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _read(name: str) -> str:
    return files("groundwell.cli.evaluation").joinpath(name).read_text(encoding="utf-8")
