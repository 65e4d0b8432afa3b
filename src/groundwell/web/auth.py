"""Who is asking: one function for every kind of credential."""

from __future__ import annotations

import hmac
import time

from starlette.datastructures import Headers

from groundwell.domain.api_keys import digest_api_key, read_api_key
from groundwell.domain.errors import UnauthenticatedError
from groundwell.domain.identity import Principal
from groundwell.store.database import Database
from groundwell.store.identity import find_key

# A revoked key is refused everywhere after this time at the latest.
_REMEMBER_SECONDS = 5.0
_MOST_REMEMBERED = 10_000


class Authenticator:
    """Turns the credential of a request into a principal."""

    def __init__(self, database: Database, pepper: bytes) -> None:
        self._database = database
        self._pepper = pepper
        self._remembered: dict[bytes, tuple[float, Principal]] = {}

    async def authenticate(self, headers: Headers) -> Principal:
        """The caller; UnauthenticatedError with one and the same text for every bad key."""
        key = read_api_key(_presented(headers))
        if key is None:
            raise _refused()
        digest = digest_api_key(key, self._pepper)
        remembered = self._remembered.get(digest)
        if remembered is not None and remembered[0] > time.monotonic():
            return remembered[1]
        async with self._database.anonymous_transaction() as connection:
            stored = await find_key(connection, key.id)
        if stored is None or not hmac.compare_digest(stored.digest, digest):
            raise _refused()
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (time.monotonic() + _REMEMBER_SECONDS, stored.principal)
        return stored.principal


def _presented(headers: Headers) -> str:
    bearer = headers.getlist("authorization")
    plain = headers.getlist("x-api-key")
    if len(bearer) + len(plain) > 1:
        raise UnauthenticatedError("Send one credential, not several.")
    if plain:
        return plain[0]
    if not bearer:
        raise UnauthenticatedError(
            "Send your API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`. "
            "The owner's key lies in the file owner.key of the data folder."
        )
    scheme, _, value = bearer[0].partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _refused() -> UnauthenticatedError:
    return UnauthenticatedError("This API key is not valid.")
