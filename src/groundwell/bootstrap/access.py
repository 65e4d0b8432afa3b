"""Who is let in, as the settings say. What would let in everybody stops the start."""

from __future__ import annotations

from contextlib import AsyncExitStack

from groundwell.domain.access import AccessMode, AccessRules, is_loopback
from groundwell.domain.circuit_breaker import Circuits
from groundwell.domain.errors import StartupError
from groundwell.domain.identity import Role
from groundwell.domain.proxies import TrustedProxies
from groundwell.ports.token_verifier import TokenVerifier
from groundwell.settings import Settings

_LEAST_SECRET = 32


def make_access_rules(settings: Settings) -> AccessRules:
    """How callers are told apart. Raises StartupError for a mode that would be open to others."""
    mode = AccessMode(settings.auth)
    if mode is AccessMode.OFF and not is_loopback(settings.host):
        raise StartupError(
            f"auth = 'off' lets everybody in who reaches {settings.host}. Listen on 127.0.0.1, or "
            "choose another auth.",
            code="open_to_others",
        )
    if settings.secret_key is not None:
        _check_length(settings.secret_key.get_secret_value(), "secret_key", "bad_secret_key")
    secret = None
    if mode is AccessMode.GATEWAY:
        given = settings.gateway_secret
        text = "" if given is None else given.get_secret_value()
        _check_length(text, "gateway_secret", "bad_gateway_secret")
        secret = text.encode()
    proxies = TrustedProxies(settings.trusted_proxies)
    return AccessRules(mode, secret, Role(settings.new_user_role), proxies)


def _check_length(secret: str, name: str, code: str) -> None:
    if len(secret.encode()) < _LEAST_SECRET:
        raise StartupError(f"{name} needs {_LEAST_SECRET} random characters or more.", code=code)


def make_token_verifier(
    settings: Settings, stack: AsyncExitStack, circuits: Circuits
) -> TokenVerifier | None:
    """What checks access tokens; None where they are not taken. Raises StartupError."""
    if settings.auth != "jwt":
        return None
    # Cryptography takes a moment to import; the other ways of access need none.
    from groundwell.bootstrap.tokens import open_token_verifier  # noqa: PLC0415 - slow, see above

    return open_token_verifier(settings, stack, circuits)
