"""API keys: `gw_<id>_<secret>_<checksum>`.

The prefix lets secret scanners find leaked keys, the checksum lets us refuse mistyped ones
without asking the database. 256 random bits need no slow hash: an HMAC is stored (RFC 2104).
"""

from __future__ import annotations

import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, field

_PREFIX = "gw"
_ID_BYTES = 8
_SECRET_BYTES = 32
_FORM = re.compile(
    rf"({_PREFIX}_([0-9a-f]{{{2 * _ID_BYTES}}})_[0-9a-f]{{{2 * _SECRET_BYTES}}})_([0-9a-f]{{8}})"
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key in full. `text` is shown to its owner once."""

    id: str
    text: str = field(repr=False)


def make_api_key() -> ApiKey:
    """A new random key."""
    identity = secrets.token_hex(_ID_BYTES)
    body = f"{_PREFIX}_{identity}_{secrets.token_hex(_SECRET_BYTES)}"
    return ApiKey(identity, f"{body}_{_checksum(body)}")


def read_api_key(text: str) -> ApiKey | None:
    """The key that was presented, or None when it cannot be one."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    body, identity, checksum = match.groups()
    return ApiKey(identity, text) if checksum == _checksum(body) else None


def find_key_id(text: str) -> str | None:
    """The id of a key that stands somewhere in a text."""
    match = _FORM.search(text)
    return None if match is None else match.group(2)


def digest_api_key(key: ApiKey, pepper: bytes) -> bytes:
    """What is stored of a key: HMAC-SHA256 under a secret that is not in the database."""
    return hmac.digest(pepper, key.text.encode(), "sha256")


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
