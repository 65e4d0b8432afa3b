"""What the endpoints of ingestion's jobs give."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from groundwell.apps.library.schemas import Failure
from groundwell.store.ingestion_jobs import IngestionJob


class JobOut(BaseModel):
    """The ingestion of one version of a document."""

    job_id: UUID
    document_id: str
    collection: str
    filename: str
    version: int
    status: str
    stage: str
    progress: float
    attempts: int = Field(description="How often work on the present step was begun.")
    queue: str = Field(description="`ingestion` until the text is read, then `embedding`.")
    failure: Failure | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, job: IngestionJob) -> JobOut:
        """The job as clients see it."""
        failure = None
        if job.error_code is not None:
            failure = Failure(code=job.error_code, message=job.error_message or "")
        return cls(
            job_id=job.id,
            document_id=job.document_id,
            collection=job.collection,
            filename=job.filename,
            version=job.version,
            status=job.status,
            stage=job.stage,
            progress=job.progress,
            attempts=job.attempts,
            queue=job.queue,
            failure=failure,
            created_at=job.created_at,
            updated_at=job.updated_at,
        )


class JobList(BaseModel):
    """A page of jobs, newest first; `next_cursor` leads to the next page."""

    jobs: list[JobOut]
    next_cursor: str | None
