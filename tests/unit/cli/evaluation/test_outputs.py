"""Files that an evaluation writes besides the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cli.evaluation.setting import GOOD, make_evaluation, make_run

from groundwell.cli.evaluation.command import Outputs
from groundwell.domain.errors import InvalidInputError

FULL = Path("/dev/full")


def test_files_that_can_be_written_are_taken_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("old")
    Outputs(tmp_path / "old.json", tmp_path / "new.html").check()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("old.json", "old")]


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="is a folder: name a file to write"):
        Outputs(None, tmp_path).check()


def test_a_file_in_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="There is no folder for"):
        Outputs(tmp_path / "nowhere" / "x.json", None).check()


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_file_that_fails_is_a_sentence_and_the_other_is_written(tmp_path: Path) -> None:
    evaluation = make_evaluation(tmp_path, make_run("hybrid", GOOD))
    (tmp_path / "corpus.jsonl").write_text("")
    failed = Outputs(FULL, tmp_path / "x.html").write(evaluation)
    assert failed == ["/dev/full cannot be written: No space left on device."]
    assert "Retrieval on" in (tmp_path / "x.html").read_text()


def test_a_corpus_that_is_gone_costs_the_report_only(tmp_path: Path) -> None:
    evaluation = make_evaluation(tmp_path, make_run("hybrid", GOOD))
    failed = Outputs(tmp_path / "x.json", tmp_path / "x.html").write(evaluation)
    assert len(failed) == 1
    assert failed[0].startswith(f"{tmp_path / 'x.html'} is not written: There is no corpus.jsonl")
    assert (tmp_path / "x.json").exists()
