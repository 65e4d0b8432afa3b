"""`groundwell doctor`: what is missing, and how to mend it."""

from __future__ import annotations

from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from groundwell.cli.console import AsJson, DataDir, out, print_json

if TYPE_CHECKING:
    from groundwell.cli.checks import Finding

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


def doctor(
    data_dir: DataDir = None,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what is out of step in the data.")
    ] = False,
    contents: Annotated[
        bool,
        typer.Option("--contents", help="Read all files and texts too, which can take long."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check that everything Groundwell needs is there, and that the data is in step."""
    # The checks open the model and the database; other commands should not wait for either.
    from groundwell.cli.checks import examine, mend_data  # noqa: PLC0415 - slow, see above

    findings: list[Finding] = []
    for finding in chain(
        examine(data_dir, reads_all=contents),
        mend_data(data_dir, reads_all=contents) if repair else (),
    ):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    if any(finding.state == "error" for finding in findings):
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    out.print(f"{finding.state:8}", style=_COLOURS[finding.state], end="")
    out.print(f"{finding.check:12}", style="bold", end="")
    out.print(finding.message, markup=False)
    if finding.advice:
        out.print(f"{'':20}{finding.advice}", markup=False)
