"""What the audit log remembers: who did what to the safety of the data, when and from where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class AuditAction(StrEnum):
    """What was done. The names are stable: programs watch for them."""

    ACCESS_REFUSED = "access.refused"
    AUTHENTICATION_FAILED = "authentication.failed"
    BACKUP_MADE = "backup.made"
    BACKUP_RESTORED = "backup.restored"
    COLLECTION_DELETED = "collection.deleted"
    DOCUMENT_DELETED = "document.deleted"
    DOCUMENT_EXPORTED = "document.exported"
    DOCUMENT_SHARED = "document.shared"
    INGESTION_CANCELLED = "ingestion.cancelled"
    INGESTION_RETRIED = "ingestion.retried"
    KEY_CREATED = "key.created"
    KEY_FIRST_USED = "key.first_used"
    KEY_REVOKED = "key.revoked"
    MALWARE_FOUND = "malware.found"
    SYNONYMS_CHANGED = "synonyms.changed"
    TENANT_CREATED = "tenant.created"
    TENANT_DELETED = "tenant.deleted"
    TENANT_EXPORTED = "tenant.exported"
    USER_CREATED = "user.created"
    USER_DELETED = "user.deleted"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    USER_EXPORTED = "user.exported"
    USER_ROLE_CHANGED = "user.role_changed"
    WEBHOOK_SECRET_READ = "webhook_secret.read"  # noqa: S105 - what was done, not the secret


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that was done.

    `object` names what it was done to by its id, `detail` is a word on how, such as the new role or
    the code of the error. `actor` is the user, None where nobody was let in or a worker did it.
    `count` is above 1 for refusals that were counted together. Neither holds a text, a query or a
    secret.
    """

    action: AuditAction
    actor: UUID | None
    object: str | None = None
    detail: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An event as it was recorded."""

    id: UUID
    at: datetime
    event: AuditEvent
    request_id: str | None
    address: str | None
