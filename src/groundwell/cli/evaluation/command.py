"""What `groundwell eval` does once its options are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from groundwell.cli.client import connect
from groundwell.cli.evaluation.configuration import read_configuration, read_configurations
from groundwell.cli.evaluation.folder import TestCollection, read_collection
from groundwell.cli.evaluation.report import write_report
from groundwell.cli.evaluation.results import Evaluation, read_baseline, write_json
from groundwell.cli.evaluation.run import Place, evaluate
from groundwell.cli.evaluation.stored_set import read_stored_set
from groundwell.cli.evaluation.table import show
from groundwell.domain.errors import GroundwellError, InvalidInputError


@dataclass(frozen=True, slots=True)
class Outputs:
    """Files to write besides the table."""

    json: Path | None
    html: Path | None

    def check(self) -> None:
        """Raise InvalidInputError for a file that could not be written when all is measured."""
        for path in (self.json, self.html):
            if path is None:
                continue
            if path.is_dir():
                raise InvalidInputError(f"{path} is a folder: name a file to write.")
            if not path.resolve().parent.is_dir():
                raise InvalidInputError(f"There is no folder for {path}.")
            if not os.access(path if path.exists() else path.resolve().parent, os.W_OK):
                raise InvalidInputError(f"You may not write {path}: choose another place.")

    def write(self, evaluation: Evaluation) -> list[str]:
        """Write the files. Returns a sentence for each that could not be written."""
        failed = []
        for path, write in ((self.json, write_json), (self.html, write_report)):
            if path is None:
                continue
            try:
                write(evaluation, path)
            except OSError as error:
                failed.append(f"{path} cannot be written: {error.strerror}.")
            except GroundwellError as error:
                # The report reads the corpus again, which may be gone by now.
                failed.append(f"{path} is not written: {error.detail}")
        return failed


@dataclass(frozen=True, slots=True)
class Judgements:
    """Where they are: in the files of `folder` for a `split`, or in a set that a server keeps."""

    folder: Path | None
    split: str

    def read(self, place: Place) -> tuple[TestCollection, Place]:
        """Read them to their end; with them the place, with the collection to ask."""
        if self.folder is not None:
            return read_collection(self.folder, self.split), place
        assert place.stored_set is not None
        with connect(place.data_dir, place.url, place.key_file) as client:
            found = read_stored_set(client, place.stored_set, place.collection)
        return found.judged, replace(place, collection=found.collection)


def run_evaluation(
    judgements: Judgements,
    configurations: Sequence[str],
    configs: Path | None,
    against: Path | None,
    place: Place,
    outputs: Outputs,
) -> None:
    """Check everything that was given, measure, and report."""
    outputs.check()
    known = {} if configs is None else read_configurations(configs)
    read = tuple(read_configuration(text, known) for text in configurations)
    judged, place = judgements.read(place)
    baseline = None if against is None else read_baseline(against, judged)
    evaluation = evaluate(judged, read, baseline, place)
    # Files first: whoever reads the tables through a pipe may stop reading.
    failed = outputs.write(evaluation)
    show(evaluation)
    if failed:
        raise InvalidInputError(" ".join(failed))
