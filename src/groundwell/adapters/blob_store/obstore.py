"""Blobs through obstore: a local folder, S3, GCS or Azure, chosen by URL."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as MissingBlobError
from obstore.store import LocalStore, ObjectStore, from_url

from groundwell.domain.errors import NotFoundError, UnavailableError

_PIECE_BYTES = 1 << 20


class ObstoreBlobStore:
    """One library for all the places that keep blobs."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    @classmethod
    def in_folder(cls, folder: Path) -> ObstoreBlobStore:
        """Keep blobs as files under `folder`."""
        return cls(LocalStore(folder, mkdir=True), folder)

    @classmethod
    def at_url(cls, url: str) -> ObstoreBlobStore:
        """Keep blobs in `s3://bucket/prefix`, `gs://…`, `az://…`; credentials come as usual."""
        return cls(from_url(url))

    async def put(self, key: str, source: Path) -> None:
        """Store a file under `key`, on disk for good when this returns."""
        with _translated(key):
            await obstore.put_async(self._store, key, source)
        if self._folder is not None:
            await asyncio.to_thread(_flush, self._folder, key)

    async def fetch(self, key: str, target: Path) -> None:
        """Write the blob to the file `target`."""
        with target.open("wb") as file:
            async for piece in self.stream(key):
                await asyncio.to_thread(file.write, piece)

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the blob in pieces of at least a mebibyte."""
        with _translated(key):
            answer = await obstore.get_async(self._store, key)
            async for piece in answer.stream(min_chunk_size=_PIECE_BYTES):
                yield bytes(piece)

    async def delete(self, key: str) -> None:
        """Remove the blob if it is there."""
        try:
            with _translated(key):
                await obstore.delete_async(self._store, key)
        except NotFoundError:
            return

    async def is_available(self) -> bool:
        """Whether the store answers a question about a blob."""
        try:
            with _translated("availability"):
                await obstore.head_async(self._store, "availability")
        except NotFoundError:
            return True
        except UnavailableError:
            return False
        return True


def _flush(folder: Path, key: str) -> None:
    """Make file and folder entry durable: a rename alone is not, after a power cut."""
    path = folder / key
    for target in (path, *list(path.parents)[: len(Path(key).parts)]):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except (MissingBlobError, FileNotFoundError) as error:
        raise NotFoundError(
            f"The stored file '{key}' is missing.", code="blob_not_found"
        ) from error
    except (BaseError, OSError) as error:
        raise UnavailableError(
            "The file store does not answer.", code="blob_store_unavailable"
        ) from error
