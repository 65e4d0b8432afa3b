"""Why a document does not move on, in words."""

from __future__ import annotations

from groundwell.domain.documents import Waiting, WaitingReason
from groundwell.ports.job_engine import JobStanding


def explain_wait(standing: JobStanding, *, has_room: bool) -> Waiting | None:
    """What the document of that job waits for; None while a worker has it in hand.

    What stops all documents goes before what stops this one.
    """
    if not standing.has_worker:
        return Waiting(
            WaitingReason.WORKER,
            "No worker runs. `groundwell serve` starts one, unless it has --no-worker; "
            "`groundwell work` is another.",
        )
    if not has_room:
        return Waiting(
            WaitingReason.DISK,
            "The disk has no room left. Ingestion goes on when there is room again.",
        )
    if standing.is_running:
        return None
    if not standing.is_there:
        return Waiting(
            WaitingReason.QUEUE,
            "Its job was lost, as can happen when a database comes and goes. A worker queues it "
            "again within a minute.",
        )
    if standing.next_try_at is not None:
        why = standing.reason or "The last try did not succeed."
        return Waiting(WaitingReason.RETRY, f"It is tried again soon. {why}", standing.next_try_at)
    return Waiting(WaitingReason.TURN, _turn(standing.before), before=standing.before)


def _turn(before: int) -> str:
    if not before:
        return "It is next, as soon as a worker is free."
    jobs = "job" if before == 1 else "jobs"
    return f"{before:,} {jobs} of yours, of up to 32 documents each, come first."
