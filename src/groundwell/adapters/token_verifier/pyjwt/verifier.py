"""The one place where tokens are decoded (RFC 7519, with the practices of RFC 8725)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from groundwell.adapters.token_verifier.pyjwt.keys import KeySource
from groundwell.domain.errors import ForbiddenError, UnauthenticatedError
from groundwell.domain.identity import SUBJECT, AssertedUser, Role, pick_role
from groundwell.ports.token_verifier import VerifiedToken

_LEEWAY_SECONDS = 60
_MOST_CHARACTERS = 8192
_MOST_NAME = 200
# An access token that lives longer is a password, and cannot be taken back.
_MOST_LIFETIME_SECONDS = 24 * 3600
_REQUIRED = ("exp", "iat", "sub", "aud", "iss")
# RFC 9068 says `at+jwt`; most providers write `JWT` or nothing. Others are made for other ends.
_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What a token must say. A claim that is None is not looked at.

    A claim is found by its whole name, else as a path of names with dots between them.
    """

    algorithm: str
    issuer: str
    audience: str
    tenant_claim: str | None = None
    role_claim: str | None = None


class PyJwtVerifier:
    """Checks tokens against the operator's keys and rules."""

    def __init__(self, keys: KeySource, rules: ClaimRules) -> None:
        self._keys = keys
        self._rules = rules

    async def verify(self, token: str) -> VerifiedToken:
        """What the token says, if it is good."""
        if len(token) > _MOST_CHARACTERS:
            raise _refused()
        try:
            key = await self._keys.find(self._key_id(token))
            if key is None:
                raise _refused()
            claims = jwt.decode(
                token,
                key,
                algorithms=[self._rules.algorithm],
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": list(_REQUIRED)},
            )
            expires, issued = float(claims["exp"]), float(claims["iat"])
        except jwt.ExpiredSignatureError:
            raise UnauthenticatedError(
                "This access token is over its time. Get a new one.", code="token_expired"
            ) from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            # Not chained: the library's words may quote the token.
            raise _refused() from None
        if expires - issued > _MOST_LIFETIME_SECONDS:
            raise _refused()
        return VerifiedToken(self._user(claims), expires + _LEEWAY_SECONDS - time.time())

    def _key_id(self, token: str) -> str | None:
        header = jwt.get_unverified_header(token)
        kind, key_id = header.get("typ", ""), header.get("kid")
        if header.get("alg") != self._rules.algorithm:
            raise _refused()
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise _refused()
        return key_id if isinstance(key_id, str) else None

    def _user(self, claims: Mapping[str, Any]) -> AssertedUser:
        subject, name = claims["sub"], claims.get("name")
        if not SUBJECT.fullmatch(subject):
            raise _refused()
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _MOST_NAME:
            name = subject
        return AssertedUser(subject, name, self._tenant(claims), self._role(claims))

    def _tenant(self, claims: Mapping[str, Any]) -> str | None:
        if self._rules.tenant_claim is None:
            return None
        tenant = _find(claims, self._rules.tenant_claim)
        if not isinstance(tenant, str):
            raise ForbiddenError("The access token names no tenant.", code="unknown_tenant")
        return tenant

    def _role(self, claims: Mapping[str, Any]) -> Role | None:
        if self._rules.role_claim is None:
            return None
        told = _find(claims, self._rules.role_claim)
        names = told if isinstance(told, list) else [told]
        return pick_role(name for name in names if isinstance(name, str))


def _find(claims: Mapping[str, Any], name: str) -> object:
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _refused() -> UnauthenticatedError:
    return UnauthenticatedError("This access token is not valid.")
