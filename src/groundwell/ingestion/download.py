"""The first step for bytes that somebody else has put into the blob store."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from groundwell.domain.documents import DocumentUid, Stage, TenantId
from groundwell.domain.errors import (
    DocumentError,
    GroundwellError,
    NotFoundError,
    UnsupportedTypeError,
)
from groundwell.domain.media_types import MediaType, are_alike
from groundwell.domain.uploads import content_key, staging_key
from groundwell.ports.blob_store import BlobStore
from groundwell.store.announced import settle_download
from groundwell.store.blobs import clear_blobs, lock_blob
from groundwell.store.database import Database
from groundwell.store.ingestion import Work, claim_work, mark_failed, set_stage
from groundwell.store.scratch import scratch_folder

_log = logging.getLogger(__name__)


class Downloader:
    """Checks bytes against their announcement and moves them to the address of their content.

    What is checked is what is kept: whoever may still write under the staging key changes nothing
    any more. A document whose bytes are not those that were announced fails, and they are removed.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        detect_media_type: Callable[[Path, str], Awaitable[MediaType]],
        scratch: Path | None = None,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._detect = detect_media_type
        self._scratch = scratch

    async def download(
        self, tenant: TenantId, uids: Sequence[DocumentUid], fence: int
    ) -> list[DocumentUid]:
        """Take up documents, and return those whose bytes lie where they belong now."""
        async with self._database.transaction(tenant) as connection:
            works = await claim_work(connection, uids, fence)
        return [work.uid for work in works if await self._download(tenant, work, fence)]

    async def _download(self, tenant: TenantId, work: Work, fence: int) -> bool:
        if work.is_downloaded:
            return True
        async with self._database.transaction(tenant) as connection:
            if not await set_stage(connection, [work.uid], Stage.DOWNLOAD, 0.0, fence):
                return False
        with scratch_folder(self._scratch) as folder:
            path = folder / "document"
            try:
                await self._blobs.fetch(staging_key(work.version), path)
                digest = await asyncio.to_thread(_digest, path)
                media_type = await self._check(work, path, digest)
            except (DocumentError, UnsupportedTypeError, NotFoundError) as error:
                await self._refuse(tenant, work, error, fence)
                return False
            is_kept = await self._keep(tenant, work, path, digest, media_type, fence)
        await clear_blobs(self._database, self._blobs, [staging_key(work.version)])
        return is_kept

    async def _check(self, work: Work, path: Path, digest: bytes) -> MediaType:
        size = (await asyncio.to_thread(path.stat)).st_size
        if size != work.file_size:
            raise DocumentError(
                f"The file has {size} bytes and was announced with {work.file_size}.",
                code="size_mismatch",
            )
        if work.announced_sha256 not in (None, digest):
            raise DocumentError(
                "The file is not the announced one: its SHA-256 is another.", code="sha256_mismatch"
            )
        found = await self._detect(path, work.filename)
        if not are_alike(found, work.media_type):
            raise DocumentError(
                f"The file's content is {found.name} and was announced as another type.",
                code="type_mismatch",
            )
        return found

    async def _keep(
        self,
        tenant: TenantId,
        work: Work,
        path: Path,
        digest: bytes,
        media_type: MediaType,
        fence: int,
    ) -> bool:
        key = content_key(digest)
        async with self._database.transaction(tenant) as connection:
            await lock_blob(connection, key)
            await self._blobs.put(key, path)
            # A later attempt, or a newer version, may have come meanwhile.
            if not await set_stage(connection, [work.uid], Stage.DOWNLOAD, 1.0, fence):
                return False
            await settle_download(connection, work.version, key, digest, media_type)
        return True

    async def _refuse(
        self, tenant: TenantId, work: Work, error: GroundwellError, fence: int
    ) -> None:
        _log.info("document %s is not what was announced: %s", work.uid, error.code)
        async with self._database.transaction(tenant) as connection:
            if await set_stage(connection, [work.uid], Stage.DOWNLOAD, 0.0, fence):
                await settle_download(connection, work.version, None, None, work.media_type)
                await mark_failed(connection, work, error.code, error.detail, fence)
        await clear_blobs(self._database, self._blobs, [staging_key(work.version)])


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
