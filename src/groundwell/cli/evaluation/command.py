"""What `groundwell eval` does once its options are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwell.cli.evaluation.configuration import read_configuration, read_configurations
from groundwell.cli.evaluation.folder import read_collection
from groundwell.cli.evaluation.report import write_report
from groundwell.cli.evaluation.results import read_baseline, write_json
from groundwell.cli.evaluation.run import Place, evaluate
from groundwell.cli.evaluation.table import show


@dataclass(frozen=True, slots=True)
class Outputs:
    """Files to write besides the table."""

    json: Path | None
    html: Path | None


def run_evaluation(
    folder: Path,
    split: str,
    configurations: Sequence[str],
    configs: Path | None,
    against: Path | None,
    place: Place,
    outputs: Outputs,
) -> None:
    """Check everything that was given, measure, and report."""
    known = {} if configs is None else read_configurations(configs)
    read = tuple(read_configuration(text, known) for text in configurations)
    baseline = None if against is None else read_baseline(against)
    evaluation = evaluate(read_collection(folder, split), read, baseline, place)
    # Files first: whoever reads the tables through a pipe may stop reading.
    if outputs.json is not None:
        write_json(evaluation, outputs.json)
    if outputs.html is not None:
        write_report(evaluation, outputs.html)
    show(evaluation)
