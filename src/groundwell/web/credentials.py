"""What a request brings to show who is asking. Read here only, from headers only."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from groundwell.domain.access import AccessMode, AccessRules, is_loopback
from groundwell.domain.api_keys import ApiKey, read_api_key
from groundwell.domain.errors import UnauthenticatedError
from groundwell.domain.identity import SUBJECT, AssertedUser, pick_role

GATEWAY_SECRET = "x-groundwell-gateway-secret"  # noqa: S105 - the name of a header
GATEWAY_USER = "x-groundwell-user"
GATEWAY_TENANT = "x-groundwell-tenant"
GATEWAY_ROLE = "x-groundwell-role"
_CREDENTIALS = ("authorization", "x-api-key", GATEWAY_SECRET)
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@dataclass(frozen=True, slots=True)
class Token:
    """Something that may be an access token."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Nobody:
    """No credential, where none is asked for."""


Credential: TypeAlias = ApiKey | Token | AssertedUser | Nobody


def read_credential(headers: Headers, rules: AccessRules) -> Credential:
    """The one credential of a request. Raises UnauthenticatedError.

    An AssertedUser comes from the gateway, whose secret has been checked. Identity headers are
    looked at in the mode `gateway` only, and only beside the secret.
    """
    bearer = headers.getlist("authorization")
    plain = headers.getlist("x-api-key")
    secret = headers.getlist(GATEWAY_SECRET) if rules.gateway_secret is not None else []
    if len(bearer) + len(plain) + len(secret) > 1:
        raise UnauthenticatedError("Send one credential, not several.")
    if secret:
        return _read_gateway(headers, secret[0], rules)
    if plain:
        return _read_key(plain[0])
    if bearer:
        scheme, _, value = bearer[0].partition(" ")
        value = value.strip() if scheme.lower() == "bearer" else ""
        # Three parts with dots between them (RFC 7515); a key has none.
        is_token = rules.mode is AccessMode.JWT and value.count(".") == 2  # noqa: PLR2004 - as said
        return Token(value) if is_token else _read_key(value)
    if rules.mode is AccessMode.OFF and _is_from_here(headers):
        return Nobody()
    raise UnauthenticatedError(
        "Send your API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`. "
        "The owner's key lies in the file owner.key of the data folder."
    )


def has_credential(headers: Headers) -> bool:
    """Whether a request tries to show who is asking, well or badly."""
    return any(name in headers for name in _CREDENTIALS)


def refused_key() -> UnauthenticatedError:
    """The one answer to every bad key: it must not tell what was wrong."""
    return UnauthenticatedError("This API key is not valid.")


def _read_key(text: str) -> ApiKey:
    key = read_api_key(text)
    if key is None:
        raise refused_key()
    return key


def _read_gateway(headers: Headers, secret: str, rules: AccessRules) -> AssertedUser:
    expected = rules.gateway_secret
    # As bytes: comparing texts that are not ASCII fails.
    if expected is None or not hmac.compare_digest(secret.encode(), expected):
        raise UnauthenticatedError("The gateway's secret is not valid.")
    subject = _single(headers, GATEWAY_USER)
    if subject is None or not SUBJECT.fullmatch(subject):
        raise UnauthenticatedError("The gateway names no user in X-Groundwell-User.")
    role = _single(headers, GATEWAY_ROLE)
    return AssertedUser(
        subject,
        subject,
        _single(headers, GATEWAY_TENANT),
        None if role is None else pick_role([role]),
    )


def _single(headers: Headers, name: str) -> str | None:
    """A header that may come once: a second one could have slipped past the gateway."""
    values = headers.getlist(name)
    if len(values) > 1:
        raise UnauthenticatedError("The gateway names somebody twice.")
    return values[0] if values else None


def _is_from_here(headers: Headers) -> bool:
    """Whether a request was meant for this machine, and sent by no web site and no proxy.

    Without this, any page in a browser on this machine could speak to the server: by a form, or by
    a name of its own that it lets point to loopback.
    """
    if any(name in headers for name in _PROXY_HEADERS):
        return False
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    origin = headers.get("origin")
    hosts = [f"//{headers.get('host', '')}", *([] if origin is None else [origin])]
    return all(is_loopback(_host_of(address)) for address in hosts)


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
