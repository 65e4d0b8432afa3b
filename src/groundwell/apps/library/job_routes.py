"""HTTP: the ingestion of documents as jobs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from groundwell.apps.library import job_service
from groundwell.apps.library.job_schemas import JobList, JobOut
from groundwell.domain.documents import DocumentStatus
from groundwell.domain.sharing import Viewer
from groundwell.web.cursors import Cursor
from groundwell.web.deps import App, Reader
from groundwell.web.json_body import StrictJsonRoute

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=StrictJsonRoute)


@router.get("", summary="List ingestion jobs")
async def list_jobs(
    app: App,
    caller: Reader,
    status: Annotated[
        DocumentStatus | None, Query(description="`failed`: the dead letters.")
    ] = None,
    document_id: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Annotated[Cursor | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> JobList:
    """The ingestion of each document's newest version, newest first."""
    jobs, following = await job_service.list_jobs(
        app, Viewer.of(caller), status, document_id, cursor, limit
    )
    return JobList(jobs=[JobOut.of(job) for job in jobs], next_cursor=following)


@router.get("/{job_id}", summary="Read an ingestion job")
async def get_job(app: App, caller: Reader, job_id: UUID) -> JobOut:
    """Where the job stands, and why it failed if it did."""
    return JobOut.of(await job_service.get_job(app, Viewer.of(caller), job_id))
