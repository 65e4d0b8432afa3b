"""Who is asking: one function for every kind of credential."""

from __future__ import annotations

import hmac
import time
from uuid import UUID

from starlette.datastructures import Headers

from groundwell.domain.access import AccessRules
from groundwell.domain.api_keys import ApiKey, digest_api_key
from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ForbiddenError, UnauthenticatedError
from groundwell.domain.identity import SCOPES_OF_ROLE, AssertedUser, Principal, Role, Tier
from groundwell.ports.token_verifier import TokenVerifier
from groundwell.store.api_keys import note_first_use
from groundwell.store.audit import record
from groundwell.store.database import Database
from groundwell.store.identity import find_first_owner, find_key, find_only_tenant
from groundwell.store.users import enter_user
from groundwell.web.credentials import (
    Credential,
    Token,
    has_credential,
    read_credential,
    refused_key,
)
from groundwell.web.failed_attempts import FailedAttempts

# What is revoked or disabled is refused by every process within five seconds: a second is left for
# the look at the database.
_REMEMBER_SECONDS = 4.0
_MOST_REMEMBERED = 10_000


class Authenticator:
    """Turns the credential of a request, of whatever kind, into a principal."""

    def __init__(
        self,
        database: Database,
        pepper: bytes,
        rules: AccessRules,
        tokens: TokenVerifier | None,
        failures: FailedAttempts,
    ) -> None:
        self._database = database
        self._pepper = pepper
        self._rules = rules
        self._tokens = tokens
        self._failures = failures
        self._remembered: dict[bytes, tuple[float, Principal]] = {}
        self._used_keys: set[str] = set()

    async def authenticate(self, headers: Headers, address: str) -> Principal:
        """The caller. Raises UnauthenticatedError, in one and the same text for every bad key.

        ForbiddenError is for those who are known, but not to any tenant or role here.
        RateLimitedError is for an `address` that has shown too many bad credentials. It keeps out
        what this process does not know: who came in before is looked up all the same, for many
        may share an address with whoever guesses.
        """
        try:
            return await self._recognise(headers, address)
        except UnauthenticatedError:
            if has_credential(headers):
                # Also for what is refused without a look, or its answer would tell the difference.
                self._failures.check(address)
                self._failures.count(address)
            raise

    async def _recognise(self, headers: Headers, address: str) -> Principal:
        credential = read_credential(headers, self._rules)
        mark = self._mark(credential)
        # The time is taken before the look: what changes while it lasts must not be missed longer.
        now = time.monotonic()
        remembered = self._remembered.get(mark)
        if remembered is None:
            self._failures.check(address)
        elif remembered[0] > now:
            return remembered[1]
        try:
            seconds, principal = await self._look_up(credential, mark)
        except (UnauthenticatedError, ForbiddenError):
            self._remembered.pop(mark, None)
            raise
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[mark] = (now + seconds, principal)
        return principal

    async def _look_up(self, credential: Credential, mark: bytes) -> tuple[float, Principal]:
        """How long the caller may be remembered, in seconds, and who it is."""
        if isinstance(credential, Token):
            if self._tokens is None:
                raise refused_key()
            verified = await self._tokens.verify(credential.text)
            principal = await self._enter(verified.user)
            return min(_REMEMBER_SECONDS, verified.seconds_left), principal
        if isinstance(credential, ApiKey):
            return _REMEMBER_SECONDS, await self._find_key(credential, mark)
        if isinstance(credential, AssertedUser):
            return _REMEMBER_SECONDS, await self._enter(credential)
        return _REMEMBER_SECONDS, await self._stand_in()

    def _mark(self, credential: Credential) -> bytes:
        """What a credential is remembered by; it tells nobody what the credential is."""
        if isinstance(credential, ApiKey):
            return digest_api_key(credential, self._pepper)
        text = credential.text if isinstance(credential, Token) else repr(credential)
        kind = type(credential).__name__
        return hmac.digest(self._pepper, f"{kind} {text}".encode(), "sha256")

    async def _find_key(self, key: ApiKey, digest: bytes) -> Principal:
        async with self._database.anonymous_transaction() as connection:
            stored = await find_key(connection, key.id)
        if stored is None or not hmac.compare_digest(stored.digest, digest):
            raise refused_key()
        if key.id not in self._used_keys:
            await self._note_use(key.id, stored.principal)
        return stored.principal

    async def _note_use(self, key_id: str, principal: Principal) -> None:
        """Record the first use ever; this process asks once for each key."""
        async with self._database.transaction(principal.tenant) as connection:
            if await note_first_use(connection, key_id):
                event = AuditEvent(AuditAction.KEY_FIRST_USED, principal.user_id, key_id)
                await record(connection, principal.tenant, event)
        if len(self._used_keys) >= _MOST_REMEMBERED:
            self._used_keys.clear()
        self._used_keys.add(key_id)

    async def _enter(self, who: AssertedUser) -> Principal:
        tenant = await self._tenant_of(who)
        async with self._database.transaction(tenant) as connection:
            user = await enter_user(connection, tenant, who, self._rules.new_user_role)
        if user is None:
            raise _unknown_tenant()
        if user.disabled_at is not None:
            raise UnauthenticatedError("This user is disabled.", code="user_disabled")
        return Principal(tenant, user.id, SCOPES_OF_ROLE[user.role], user.role, user.tier)

    async def _tenant_of(self, who: AssertedUser) -> TenantId:
        if who.tenant is not None:
            try:
                return TenantId(UUID(who.tenant))
            except ValueError:
                raise _unknown_tenant() from None
        async with self._database.anonymous_transaction() as connection:
            only = await find_only_tenant(connection)
        if only is None:
            raise ForbiddenError(
                "This server has several tenants, and nothing says which is yours.",
                code="unknown_tenant",
            )
        return only

    async def _stand_in(self) -> Principal:
        """The owner with the rights of a member: no key at all must not be worth an owner's key.

        The limits are those of whoever runs the server, for that is who it is.
        """
        async with self._database.anonymous_transaction() as connection:
            owner = await find_first_owner(connection)
        if owner is None:
            raise UnauthenticatedError("There is no owner yet.")
        scopes = SCOPES_OF_ROLE[Role.MEMBER]
        return Principal(*owner, scopes, Role.MEMBER, Tier.PREMIUM, is_alone=True)


def _unknown_tenant() -> ForbiddenError:
    return ForbiddenError("You are known, but your tenant is not.", code="unknown_tenant")
