"""What a document is said to wait for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from groundwell.domain.documents import WaitingReason
from groundwell.ingestion.waiting import explain_wait
from groundwell.ports.job_engine import JobStanding

SOON = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NEXT = JobStanding(
    has_worker=True, is_there=True, is_running=False, next_try_at=None, reason=None, before=0
)


def reason_of(standing: JobStanding, *, has_room: bool = True) -> WaitingReason | None:
    waiting = explain_wait(standing, has_room=has_room)
    return None if waiting is None else waiting.reason


def test_a_document_in_the_hands_of_a_worker_waits_for_nothing():
    assert explain_wait(replace(NEXT, is_running=True), has_room=True) is None


def test_a_missing_worker_is_named_before_anything_else():
    gone = replace(NEXT, has_worker=False, is_running=True, next_try_at=SOON, reason="Away.")
    assert reason_of(gone, has_room=False) is WaitingReason.WORKER


@pytest.mark.parametrize("is_running", [True, False])
def test_a_full_disk_stops_what_waits_and_what_runs(is_running: bool):
    assert reason_of(replace(NEXT, is_running=is_running), has_room=False) is WaitingReason.DISK


def test_a_next_try_comes_with_its_moment_and_the_words_of_the_last_error():
    waiting = explain_wait(
        replace(NEXT, next_try_at=SOON, reason="The embedder has failed too often."), has_room=True
    )
    assert waiting is not None
    assert (waiting.reason, waiting.next_try_at) == (WaitingReason.RETRY, SOON)
    assert "The embedder has failed too often." in waiting.message


def test_a_turn_says_how_many_come_first():
    sentences = []
    for before in (0, 1, 1200):
        waiting = explain_wait(replace(NEXT, before=before), has_room=True)
        assert waiting is not None
        assert (waiting.reason, waiting.before) == (WaitingReason.TURN, before)
        sentences.append(waiting.message)
    assert "next" in sentences[0]
    assert sentences[1].startswith("1 job of yours")
    assert sentences[2].startswith("1,200 jobs of yours")


def test_a_lost_job_is_not_taken_for_a_turn():
    assert reason_of(replace(NEXT, is_there=False)) is WaitingReason.QUEUE
