"""Access tokens of an identity provider, as the settings say."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

from groundwell.adapters.token_verifier.pyjwt import (
    ClaimRules,
    KeyFile,
    KeyServer,
    KeySource,
    PyJwtVerifier,
)
from groundwell.domain.access import is_loopback
from groundwell.domain.circuit_breaker import Circuits
from groundwell.domain.errors import StartupError
from groundwell.settings import Settings


def open_token_verifier(
    settings: Settings, stack: AsyncExitStack, circuits: Circuits
) -> PyJwtVerifier:
    """What checks access tokens. Raises StartupError."""
    keys, issuer, audience = settings.jwt_keys, settings.jwt_issuer, settings.jwt_audience
    if not keys or not issuer or not audience:
        raise StartupError(
            "auth = 'jwt' needs jwt_keys, jwt_issuer and jwt_audience.", code="bad_settings"
        )
    rules = ClaimRules(
        algorithm=settings.jwt_algorithm,
        issuer=issuer,
        audience=audience,
        tenant_claim=settings.jwt_claims.tenant,
        role_claim=settings.jwt_claims.role,
    )
    return PyJwtVerifier(_open_keys(keys, settings.jwt_algorithm, stack, circuits), rules)


def _open_keys(place: str, algorithm: str, stack: AsyncExitStack, circuits: Circuits) -> KeySource:
    if "://" not in place:
        return KeyFile(Path(place), algorithm)
    parts = urlsplit(place)
    is_safe = parts.scheme == "https" or (
        parts.scheme == "http" and is_loopback(parts.hostname or "")
    )
    if not is_safe or not parts.hostname:
        raise StartupError(
            "jwt_keys must be a file or an https address: whoever changes the keys on the way "
            "chooses who is let in.",
            code="bad_jwt_keys",
        )
    if algorithm.startswith("HS"):
        raise StartupError(
            f"jwt_algorithm {algorithm} has a shared secret, which belongs into a file and not to "
            "an address.",
            code="bad_jwt_keys",
        )
    server = KeyServer(place, algorithm)
    stack.push_async_callback(server.close)
    return circuits.watch(server)
