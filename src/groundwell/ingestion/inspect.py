"""Nothing is read of a document before a malware scanner has seen it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing

from groundwell.domain.documents import VersionId
from groundwell.ports.blob_store import BlobStore
from groundwell.ports.malware_scanner import MalwareScanner
from groundwell.store.ingestion import Work

_REMEMBERED = 10_000
_PIECE_CHARACTERS = 64 << 10


class Inspector:
    """Shows the content of documents to a scanner; without one, nothing is ever found.

    What a version consists of never changes. Versions that were found harmless in this process are
    remembered, so that each is scanned once here, however many steps and turns its ingestion has.
    """

    def __init__(self, scanner: MalwareScanner | None, blobs: BlobStore) -> None:
        self._scanner = scanner
        self._blobs = blobs
        self._harmless: OrderedDict[VersionId, None] = OrderedDict()

    async def inspect(self, work: Work) -> str | None:
        """The name of what was found in the file, or in the text where there is no file.

        Raises UnavailableError while the scanner or the file store is away, DocumentError for what
        the scanner does not take, NotFoundError for a file that is gone.
        """
        if self._scanner is None or work.version in self._harmless:
            return None
        async with aclosing(self._pieces(work)) as pieces:
            found = await self._scanner.scan(pieces)
        if found is None:
            self._harmless[work.version] = None
            if len(self._harmless) > _REMEMBERED:
                self._harmless.popitem(last=False)
        return found

    async def _pieces(self, work: Work) -> AsyncGenerator[bytes, None]:
        if work.blob_key is not None:
            async for piece in self._blobs.stream(work.blob_key):
                yield piece
        elif work.parsed is not None:
            text = work.parsed.text
            for start in range(0, len(text), _PIECE_CHARACTERS):
                yield text[start : start + _PIECE_CHARACTERS].encode()
