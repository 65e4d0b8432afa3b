"""What the endpoints for announced uploads take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from groundwell.apps.library.announced import Announced, Announcement
from groundwell.apps.library.schemas import DocumentId, Failure, Title
from groundwell.apps.library.sharing_schemas import OPTIONAL_SHARING, SharedWith, read_sharing
from groundwell.domain.documents import DEFAULT_COLLECTION, Priority, Visibility
from groundwell.domain.uploads import UploadState
from groundwell.store.announced import AnnouncedUpload
from groundwell.web.fields import CollectionName
from groundwell.web.upload_addresses import ANNOUNCEMENTS

# More than any store keeps, and less than the database counts.
_MOST_BYTES = 1 << 50


class AnnouncementIn(BaseModel):
    """A file that is to come."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=OPTIONAL_SHARING)

    filename: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    file_size: Annotated[int, Field(ge=1, le=_MOST_BYTES, description="In bytes.")]
    media_type: Annotated[str, StringConstraints(max_length=200)] | None = None
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-fA-F]{64}$")] | None = None
    collection: CollectionName = DEFAULT_COLLECTION
    document_id: DocumentId | None = None
    key: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None
    title: Title | None = None
    metadata: dict[str, JsonValue] | None = None
    priority: Priority = Priority.NORMAL
    visibility: Visibility | None = None
    shared_with: SharedWith | None = None

    def announcement(self, idempotency_key: str | None) -> Announcement:
        """What is said. Raises InvalidInputError for what contradicts itself."""
        return Announcement(
            filename=self.filename,
            file_size=self.file_size,
            collection=self.collection,
            media_type=None if self.media_type is None else self.media_type.strip().lower(),
            sha256=None if self.sha256 is None else bytes.fromhex(self.sha256),
            id=self.document_id,
            key=self.key,
            title=self.title,
            metadata=self.metadata,
            priority=self.priority,
            sharing=read_sharing(self.visibility, self.shared_with),
            idempotency_key=idempotency_key,
        )


class SignalIn(BaseModel):
    """What has happened outside. `VideoUploaded` is an older name of the same."""

    model_config = ConfigDict(extra="forbid")

    event: Literal["DocumentUploaded", "VideoUploaded"]


class UploadOut(BaseModel):
    """An announced upload and where it stands."""

    upload_id: UUID = Field(description="Also the id of the document's job.")
    state: UploadState
    document_id: str
    collection: str
    version: int
    filename: str
    media_type: str
    file_size: int
    content_url: str = Field(description="Where the bytes are sent by PUT.")
    blob_key: str = Field(description="Where, in the file store, others may put the bytes.")
    expires_at: datetime
    failure: Failure | None

    @classmethod
    def of(cls, upload: AnnouncedUpload) -> UploadOut:
        """The upload as clients see it."""
        failure = None
        if upload.failure is not None:
            failure = Failure(code=upload.failure[0], message=upload.failure[1])
        return cls(
            upload_id=upload.id,
            state=upload.state,
            document_id=upload.document_id,
            collection=upload.collection,
            version=upload.version,
            filename=upload.filename,
            media_type=upload.media_type,
            file_size=upload.file_size,
            content_url=f"{ANNOUNCEMENTS}/{upload.id}/content",
            blob_key=upload.staging_key,
            expires_at=upload.expires_at,
            failure=failure,
        )


class AnnouncedOut(BaseModel):
    """A document that was announced. `upload` is null when its bytes are here already."""

    document_id: str
    status: str
    version: int
    is_new_work: bool
    upload: UploadOut | None
    presigned_url: str | None = Field(
        description="Where the bytes may be put into the file store by PUT, without a key; null "
        "where it cannot sign."
    )

    @classmethod
    def of(cls, announced: Announced) -> AnnouncedOut:
        """The announcement as clients see it."""
        accepted, upload = announced.accepted, announced.upload
        return cls(
            document_id=accepted.id,
            status=accepted.status,
            version=accepted.version,
            is_new_work=accepted.has_work,
            upload=None if upload is None else UploadOut.of(upload),
            presigned_url=announced.presigned_url,
        )
