"""The port for access tokens of an identity provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from groundwell.domain.identity import AssertedUser


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a good token says. `seconds_left` is how long it will still be accepted."""

    user: AssertedUser
    seconds_left: float


class TokenVerifier(Protocol):
    """Decides whether an access token (RFC 9068, RFC 7519) is good.

    Promises: one algorithm, one issuer and one audience, all set by the operator; nothing in the
    token chooses an algorithm, a file, an address or a key outside of the operator's. A token that
    is malformed, not signed by a known key, not yet valid, over its time, or lacks a required
    claim is refused. No error and no log carries a token or a key.

    Errors: UnauthenticatedError for a token that is not good, with the code `token_expired` if
    time is all that is wrong; ForbiddenError for a good one without a tenant or a role that is
    known here; UnavailableError when the keys cannot be had.
    """

    async def verify(self, token: str) -> VerifiedToken:
        """What the token says, if it is good."""
        ...
