"""Documents that are handed in, and those that are there already under their names."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import (
    CollectionId,
    DocumentStatus,
    Metadata,
    Stage,
    Visibility,
)
from groundwell.domain.errors import ConflictError
from groundwell.domain.sharing import Sharing
from groundwell.store.database import Row


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document that is handed in.

    `id` is the client's choice. `key` names the place that the bytes came from: new bytes of the
    same key are a new version. Without either, the bytes themselves are the identity. `text` is
    set when there is nothing to parse. `title`, `metadata` and `sharing` are None where nothing is
    said. `awaits_bytes` is set for one that is announced only: `sha256` is then what its owner says
    of it, and may be None.
    """

    filename: str
    media_type: str
    file_size: int
    sha256: bytes | None
    id: str | None = None
    key: str | None = None
    title: str | None = None
    blob_key: str | None = None
    text: str | None = None
    metadata: Metadata | None = None
    sharing: Sharing | None = None
    awaits_bytes: bool = False

    @property
    def identity(self) -> str:
        """What makes the document unique in its collection."""
        if self.key is not None:
            return f"key/{self.key}"
        if self.id is not None:
            return f"id/{self.id}"
        assert self.sha256 is not None, "who announces a file without saying what it is gives a key"
        return f"sha256/{self.sha256.hex()}"


@dataclass(frozen=True, slots=True)
class Known:
    """A document that is there, with its newest version's bytes and description."""

    uid: UUID
    id: str
    key: str
    status: DocumentStatus
    stage: Stage
    version: int
    sha256: bytes | None
    title: str | None
    metadata: Metadata
    attributes: Metadata
    owner: UUID | None
    access_id: int

    @property
    def is_being_ingested(self) -> bool:
        """Whether bytes that are here are on their way into the index."""
        return not self.status.is_terminal and self.stage is not Stage.AWAITING_UPLOAD


class KnownDocuments:
    """Looks for a document among those that its owner keeps to some, then among everybody's."""

    def __init__(self, rows: list[Known], owner: UUID | None) -> None:
        self._owner = owner
        self._kept = _NamedAlike([row for row in rows if row.access_id])
        self._everybodys = _NamedAlike([row for row in rows if not row.access_id])

    def match(self, document: NewDocument) -> Known | None:
        """The document that is handed in again. Raises ConflictError for another one's key."""
        kept = self._kept.match(document)
        if kept is not None:
            return kept
        found = self._everybodys.match(document)
        wants_all = document.sharing is None or document.sharing.visibility is Visibility.TENANT
        # Who wants something kept to some does not want everybody's, nor may he take it from them.
        is_own = self._owner is not None and found is not None and found.owner == self._owner
        return found if wants_all or is_own else None


class _NamedAlike:
    """Documents whose ids and keys are unique. Looks by the client's id, by key, by bytes."""

    def __init__(self, rows: list[Known]) -> None:
        self._by_id = {row.id: row for row in rows}
        self._by_key = {row.key: row for row in rows}
        self._by_bytes = {row.sha256: row for row in rows if row.sha256 is not None}

    def match(self, document: NewDocument) -> Known | None:
        by_key = self._by_key.get(document.identity)
        if document.id is not None:
            if by_key is not None and by_key.id != document.id:
                raise ConflictError(
                    f"The key belongs to the document '{by_key.id}' of this collection already.",
                    code="key_in_use",
                )
            return self._by_id.get(document.id)
        if by_key is not None or document.sha256 is None:
            return by_key
        return self._by_bytes.get(document.sha256)


async def find_known(
    connection: AsyncConnection[Row],
    collection: CollectionId,
    documents: list[NewDocument],
    owner: UUID | None,
) -> KnownDocuments:
    """What may be meant by these documents; held until the transaction ends."""
    cursor = await connection.execute(
        """
        SELECT d.uid, d.id, d.s3_key, d.status, d.stage, d.version, v.sha256, v.given_title,
               v.metadata, v.attributes, d.owner_id, d.access_id
        FROM documents d
        JOIN document_versions v ON v.document_uid = d.uid AND v.number = d.version
        WHERE d.collection_id = %s AND (d.access_id = 0 OR d.owner_id = %s)
          AND (d.id = ANY(%s) OR d.s3_key = ANY(%s)
              OR d.uid IN (SELECT w.document_uid FROM document_versions w WHERE w.sha256 = ANY(%s)))
        ORDER BY d.uid FOR UPDATE OF d
        """,
        (
            collection,
            owner,
            [document.id for document in documents if document.id is not None],
            [document.identity for document in documents],
            [d.sha256 for d in documents if d.id is None and d.sha256 is not None],
        ),
    )
    return KnownDocuments(
        [
            Known(r[0], r[1], r[2], DocumentStatus(r[3]), Stage(r[4]), *r[5:12])
            for r in await cursor.fetchall()
        ],
        owner,
    )
