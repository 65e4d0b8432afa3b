"""Files that are announced first and sent later."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

UPLOAD_SECONDS = 3600
"""How long the bytes of an announced document may take."""

UPLOAD_TIMEOUT = "upload_timeout"
"""The code of a document whose bytes did not come in that time."""

TIMEOUT_MESSAGE = "The file did not come within an hour of its announcement. Announce it again."

_STAGING = "uploads/"
_CONTENT = "sha256/"


class UploadState(StrEnum):
    """Where an announced file stands, as its owner sees it."""

    AWAITING = "awaiting_upload"
    RECEIVED = "received"
    FAILED = "failed"


def staging_key(upload: UUID) -> str:
    """The blob key under which others may put the bytes themselves.

    Nobody knows the bytes then, so the key cannot be made of them.
    """
    return f"{_STAGING}{upload}"


def content_key(sha256: bytes) -> str:
    """The blob key of bytes that are known: the same bytes are kept once."""
    return f"{_CONTENT}{sha256.hex()[:2]}/{sha256.hex()}"


def digest_of(key: str) -> str | None:
    """The SHA-256, in hexadecimal, of the bytes under a key; None where others put the bytes."""
    return key.rpartition("/")[2] if key.startswith(_CONTENT) else None
