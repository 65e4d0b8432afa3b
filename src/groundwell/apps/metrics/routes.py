"""HTTP: metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response

from groundwell.domain.errors import UnavailableError
from groundwell.ports.metrics import SharedState
from groundwell.services import Services
from groundwell.store.eval_runs import read_newest_accuracy
from groundwell.store.worker_metrics import read_samples
from groundwell.web.deps import App, Operator

router = APIRouter(tags=["metrics"])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "The metrics.",
        }
    },
)
async def metrics(app: App, caller: Operator) -> Response:
    """Counts and durations of this process, in the text format of Prometheus.

    They are of all tenants together, so they need a key with the scope `admin` of the tenant that
    the installation began with. What is told of
    jobs, evaluations and workers is of all processes, read from the database.
    """
    del caller
    content, media_type = app.metrics.exposition(await _read_shared(app))
    return Response(content, media_type=media_type)


async def _read_shared(services: Services) -> SharedState | None:
    """None when the database is away: a monitor is most needed then."""
    try:
        async with services.database.anonymous_transaction() as connection:
            return SharedState(
                depths=await services.jobs.read_depths(connection),
                outcomes=await services.jobs.read_outcomes(connection),
                accuracy=await read_newest_accuracy(connection),
                workers=await read_samples(connection),
            )
    except UnavailableError:
        return None
