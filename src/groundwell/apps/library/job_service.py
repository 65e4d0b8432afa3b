"""What an owner may do with the ingestion of documents."""

from __future__ import annotations

from uuid import UUID

from groundwell.apps.library.service import note
from groundwell.domain.audit import AuditAction
from groundwell.domain.documents import Document, DocumentName, DocumentStatus, Priority
from groundwell.domain.identity import Principal
from groundwell.domain.sharing import Viewer, check_change
from groundwell.ingestion.webhooks import announce
from groundwell.services import Services
from groundwell.store import ingestion_jobs
from groundwell.store.blobs import clear_blobs
from groundwell.store.callbacks import ask_again
from groundwell.store.documents import get_document
from groundwell.store.ingestion_jobs import IngestionJob
from groundwell.web.cursors import read_cursor, write_cursor
from groundwell.web.quotas import enforce_quotas


async def list_jobs(
    services: Services,
    viewer: Viewer,
    status: DocumentStatus | None,
    document_id: str | None,
    cursor: str | None,
    limit: int,
) -> tuple[list[IngestionJob], str | None]:
    """A page of jobs, newest first, and where to go on."""
    after = None if cursor is None else read_cursor(cursor)
    async with services.database.transaction(viewer) as connection:
        found = await ingestion_jobs.list_jobs(connection, status, document_id, after, limit + 1)
    page = found[:limit]
    return page, write_cursor(page[-1].created_at, page[-1].id) if len(found) > limit else None


async def get_job(services: Services, viewer: Viewer, identity: UUID) -> IngestionJob:
    """One job."""
    async with services.database.transaction(viewer) as connection:
        return await ingestion_jobs.get_job(connection, identity)


async def retry(
    services: Services, caller: Principal, name: DocumentName, priority: Priority
) -> Document:
    """Queue a failed document again; what was parsed and embedded of it is used."""
    viewer = Viewer.of(caller)
    document = await _changeable(services, viewer, name)
    async with services.database.unrestricted.transaction(viewer) as connection:
        await ingestion_jobs.start_again(connection, document.uid)
        await ask_again(connection, document.uid)
        await services.ingestion.defer(connection, viewer.tenant, [document.uid], priority)
        await note(connection, caller, AuditAction.INGESTION_RETRIED, document)
        await enforce_quotas(services, connection, caller)
    return await _find(services, viewer, name)


async def cancel(services: Services, caller: Principal, name: DocumentName) -> Document:
    """End the ingestion of a document, waiting or running."""
    viewer = Viewer.of(caller)
    document = await _changeable(services, viewer, name)
    async with services.database.unrestricted.transaction(viewer) as connection:
        blobs = await ingestion_jobs.cancel(connection, document.uid)
        await announce(connection, services.jobs, caller.tenant, [document.uid])
        await note(connection, caller, AuditAction.INGESTION_CANCELLED, document)
    await clear_blobs(services.database, services.blobs, blobs)
    return await _find(services, viewer, name)


async def _changeable(services: Services, viewer: Viewer, name: DocumentName) -> Document:
    document = await _find(services, viewer, name)
    check_change(viewer, document.access)
    return document


async def _find(services: Services, viewer: Viewer, name: DocumentName) -> Document:
    async with services.database.transaction(viewer) as connection:
        return await get_document(connection, name)
