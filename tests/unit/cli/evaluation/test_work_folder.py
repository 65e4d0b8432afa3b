"""Where an evaluation keeps what it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwell.cli.evaluation.temporary_server import server_environment
from groundwell.cli.evaluation.work_folder import Answer, open_work_folder
from groundwell.domain.errors import StartupError

ANSWERS = [Answer("q1", ("a", "b")), Answer("q2", (), ("reranker",))]


def cut_off(folder: Path | None, identity: str = "same", *, has_begun: bool = True) -> Path:
    """Answer two queries and be interrupted."""
    paths = []

    def work_a_little() -> None:
        with open_work_folder(folder, identity) as work:
            paths.append(work.path)
            work.has_begun = has_begun
            for answer in ANSWERS:
                work.answers({}).append(answer)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_a_little()
    return paths[0]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_answers_outlive_an_interruption(tmp_path: Path) -> None:
    cut_off(tmp_path)
    with open_work_folder(tmp_path, "same") as work:
        assert list(work.answers({}).read().values()) == ANSWERS
        assert work.answers({"rerank": False}).read() == {}


def test_half_a_line_is_asked_again(tmp_path: Path) -> None:
    cut_off(tmp_path)
    (file,) = tmp_path.glob("answers-*.jsonl")
    file.write_text(file.read_text() + '\n{"query": "q3", "rank')
    with open_work_folder(tmp_path, "same") as work:
        work.answers({}).append(Answer("q4", ("c",)))
        assert list(work.answers({}).read()) == ["q1", "q2", "q4"]


def test_answers_of_another_evaluation_are_not_taken(tmp_path: Path) -> None:
    cut_off(tmp_path)
    with open_work_folder(tmp_path, "other") as work:
        assert work.answers({}).read() == {}


def test_a_finished_evaluation_asks_anew_the_next_time(tmp_path: Path) -> None:
    with open_work_folder(tmp_path, "same") as work:
        work.answers({}).append(ANSWERS[0])
    with open_work_folder(tmp_path, "same") as work:
        assert work.answers({}).read() == {}


def test_a_folder_of_our_own_is_kept_until_the_end(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = cut_off(None)
    assert kept.is_relative_to(cache)
    assert str(kept) in " ".join(capsys.readouterr().err.split())
    with open_work_folder(None, "same") as work:
        assert work.path == kept
        assert len(work.answers({}).read()) == 2
    assert not kept.exists()


@pytest.mark.usefixtures("cache")
def test_what_failed_before_it_began_leaves_nothing() -> None:
    assert not cut_off(None, has_begun=False).exists()


def test_two_evaluations_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        open_work_folder(tmp_path, "same"),
        pytest.raises(StartupError, match="Another evaluation works in"),
        open_work_folder(tmp_path, "same"),
    ):
        pass


def test_the_temporary_server_keeps_away_from_the_user_s_data() -> None:
    found = server_environment(
        {
            "DATABASE_URL": "postgresql://mine",
            "GROUNDWELL_BLOB_URL": "s3://mine",
            "GROUNDWELL_DATA_DIR": "/mine",
            "GROUNDWELL_HOST": "0.0.0.0",  # an address that listens to everybody
            "GROUNDWELL_RERANK": "false",
        }
    )
    assert found == {
        "GROUNDWELL_HOST": "127.0.0.1",
        "GROUNDWELL_LOAD_SAMPLES": "false",
        "GROUNDWELL_RERANK": "false",
    }
