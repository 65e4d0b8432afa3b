"""Signatures of calls, as Standard Webhooks 1.0 describes them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
from uuid import UUID

from groundwell.domain.documents import TenantId

_PURPOSE = b"groundwell webhooks 1\0"


def derive_secret(server_key: bytes, tenant: TenantId) -> bytes:
    """The 32 bytes with which calls for a tenant are signed.

    They follow from the server's own secret (HMAC-SHA256 as a pseudo-random function, as in RFC
    5869), so that none is stored. API keys are digested under the same secret; the purpose before
    the tenant keeps both apart.
    """
    return hmac.digest(server_key, _PURPOSE + tenant.bytes, "sha256")


def show_secret(secret: bytes) -> str:
    """The secret as receivers' libraries take it: `whsec_` and base64."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def sign(secret: bytes, event: UUID, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove where a call comes from. `timestamp` is in seconds since 1970.

    The signature is HMAC-SHA256 over `id.timestamp.body`.
    """
    signed = f"{event}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
    return {
        "webhook-id": str(event),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
