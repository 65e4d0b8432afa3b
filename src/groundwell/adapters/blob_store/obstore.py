"""Blobs through obstore: a local folder, S3, GCS or Azure, chosen by URL."""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as MissingBlobError
from obstore.store import (
    AzureStore,
    GCSStore,
    LocalStore,
    ObjectStore,
    S3Store,
    from_url,
)

from groundwell.domain.circuit_breaker import CircuitBreaker
from groundwell.domain.errors import (
    DamagedFileError,
    NotFoundError,
    StorageFullError,
    UnavailableError,
)
from groundwell.ports.blob_store import BlobEntry

if TYPE_CHECKING:
    # Not there at run time.
    from obstore.store import RetryConfig

# Every reader of a download who does not read holds a few of them.
_PIECE_BYTES = 64 << 10
# The library would try for three minutes by itself, while somebody waits for the upload's answer.
RETRIES: RetryConfig = {"max_retries": 1, "retry_timeout": timedelta(seconds=10)}
_FULL = (errno.ENOSPC, errno.EDQUOT)
# In a folder, a blob has such a name while it is written. The library does not list it.
_UNFINISHED = re.compile(r"#\d+$")


class ObstoreBlobStore:
    """One library for all the places that keep blobs.

    A store at a distance has a `circuit`: while it keeps failing, nobody waits for it.
    """

    def __init__(
        self,
        store: ObjectStore,
        folder: Path | None = None,
        circuit: CircuitBreaker | None = None,
    ) -> None:
        self._store = store
        self._folder = folder
        self.circuit = circuit

    @classmethod
    def in_folder(cls, folder: Path) -> ObstoreBlobStore:
        """Keep blobs as files under `folder`."""
        return cls(LocalStore(folder, mkdir=True), folder)

    @classmethod
    def at_url(cls, url: str) -> ObstoreBlobStore:
        """Keep blobs in `s3://bucket/prefix`, `gs://…`, `az://…`; credentials come as usual."""
        store = from_url(url, retry_config=RETRIES)
        return cls(store, circuit=CircuitBreaker("blob_store", urlsplit(url).hostname or ""))

    async def put(self, key: str, source: Path) -> None:
        """Store a file under `key`, on disk for good when this returns."""
        with self._reached(key):
            await obstore.put_async(self._store, key, source)
            if self._folder is not None:
                await asyncio.to_thread(_flush, self._folder, key)

    async def fetch(self, key: str, target: Path, size: int | None = None) -> None:
        """Write the blob to the file `target`. Raises StorageFullError too."""
        try:
            with target.open("wb") as file:
                async for piece in self.stream(key, size):
                    await asyncio.to_thread(file.write, piece)
        except OSError as error:
            if not _is_full(error):
                raise
            raise StorageFullError("The server's temporary folder has no room left.") from error

    async def stream(self, key: str, size: int | None = None) -> AsyncIterator[bytes]:
        """Yield the blob in pieces of about 64 KiB."""
        with self._reached(key):
            answer = await obstore.get_async(self._store, key)
            if size not in (None, answer.meta["size"]):
                raise DamagedFileError(
                    f"The stored file '{key}' is damaged: it has {answer.meta['size']} bytes and "
                    f"was stored with {size}."
                )
            async for piece in answer.stream(min_chunk_size=_PIECE_BYTES):
                yield bytes(piece)

    async def size_of(self, key: str) -> int:
        """The blob's length in bytes."""
        with self._reached(key):
            return (await obstore.head_async(self._store, key))["size"]

    async def sign_put(self, key: str, lifetime: timedelta) -> str | None:
        """A presigned address of S3, GCS or Azure; None without credentials that can sign."""
        if not isinstance(self._store, S3Store | GCSStore | AzureStore):
            return None
        try:
            # Signing is arithmetic: it says nothing of whether the store can be reached.
            with _translated(key):
                return await obstore.sign_async(self._store, "PUT", key, lifetime)
        except UnavailableError:
            return None

    async def delete(self, key: str) -> None:
        """Remove the blob if it is there."""
        if self._folder is not None and _UNFINISHED.search(key):
            await asyncio.to_thread((self._folder / key).unlink, missing_ok=True)
            return
        try:
            with self._reached(key):
                await obstore.delete_async(self._store, key)
        except NotFoundError:
            return

    async def entries(self) -> AsyncIterator[tuple[str, BlobEntry]]:
        """Yield the key of each blob, and what is known of it without reading it.

        In a folder also those that are being written, or were when a process died.
        """
        with self._reached(""):
            async for batch in obstore.list(self._store):
                for entry in batch:
                    yield entry["path"], BlobEntry(entry["size"], entry["last_modified"])
        if self._folder is not None:
            for key, unfinished in await asyncio.to_thread(_list_unfinished, self._folder):
                yield key, unfinished

    async def is_available(self) -> bool:
        """Whether the store answers a question about a blob."""
        try:
            with self._reached("availability"):
                await obstore.head_async(self._store, "availability")
        except NotFoundError:
            return True
        except UnavailableError:
            return False
        return True

    @contextmanager
    def _reached(self, key: str) -> Iterator[None]:
        circuit = nullcontext() if self.circuit is None else self.circuit.call()
        with circuit, _translated(key):
            yield


def _flush(folder: Path, key: str) -> None:
    """Make file and folder entry durable: a rename alone is not, after a power cut."""
    path = folder / key
    for target in (path, *list(path.parents)[: len(Path(key).parts)]):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _list_unfinished(folder: Path) -> list[tuple[str, BlobEntry]]:
    found = []
    for path in folder.rglob("*#*"):
        # It has got its name meanwhile.
        with suppress(FileNotFoundError):
            if _UNFINISHED.search(path.name):
                state = path.stat()
                changed_at = datetime.fromtimestamp(state.st_mtime, UTC)
                entry = BlobEntry(state.st_size, changed_at)
                found.append((path.relative_to(folder).as_posix(), entry))
    return found


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except (MissingBlobError, FileNotFoundError) as error:
        raise NotFoundError(
            f"The stored file '{key}' is missing.", code="blob_not_found"
        ) from error
    except (BaseError, OSError) as error:
        if _is_full(error):
            raise StorageFullError("The file store has no room left.") from error
        raise UnavailableError(
            "The file store does not answer.",
            code="blob_store_unavailable",
            retry_after_seconds=5,
        ) from error


def _is_full(error: BaseException) -> bool:
    """Whether the disk is full. The library tells the system's number in its text only."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return any(f"(os error {number})" in str(error) for number in _FULL)
