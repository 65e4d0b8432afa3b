"""No credential is told again: not in an answer, not in a log, not in the words of a bug."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tests.apps.people import client_of, make_key, server_with
from tests.conftest import Tenant
from tests.fakes.identity_provider import AUDIENCE, ISSUER, IdentityProvider

from groundwell.adapters.token_verifier.pyjwt import ClaimRules, KeyFile, PyJwtVerifier
from groundwell.domain.access import AccessMode, AccessRules
from groundwell.domain.api_keys import read_api_key
from groundwell.ports.token_verifier import VerifiedToken
from groundwell.services import Services
from groundwell.web.credentials import Token

GATEWAY = "canary-of-the-gateway-0123456789abcdef"
ME = "/api/v1/users/me"


class BrokenVerifier:
    """Has a bug, of which the log gets the trace."""

    async def verify(self, token: str) -> VerifiedToken:
        raise RuntimeError(f"a bug with {len(token)} characters")


async def test_secrets_stay_out_of_answers_and_logs(
    services: Services, tenant: Tenant, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider = IdentityProvider()
    (tmp_path / "keys").write_bytes(provider.key_set)
    rules = ClaimRules("RS256", ISSUER, AUDIENCE, tenant_claim="tenant")
    good = PyJwtVerifier(KeyFile(tmp_path / "keys", "RS256"), rules)
    key = (await make_key(tenant, scopes=["read"]))["key"]
    token = provider.token(tenant=str(tenant.id), sub="canary-subject")
    secrets = [key, key.split("_")[2], token, *token.split(".")[1:], GATEWAY]
    name = {"X-Groundwell-User": "ann", "X-Groundwell-Tenant": str(tenant.id)}
    requests = [
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"Bearer {key[:-1]}"},
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Bearer {token}x"},
        {"Authorization": f"Basic {key}"},
        {"X-API-Key": token},
        {"X-Groundwell-Gateway-Secret": GATEWAY, **name},
        {"X-Groundwell-Gateway-Secret": GATEWAY + "x", **name},
    ]
    statuses = set()
    for access, tokens in (
        (AccessRules(AccessMode.JWT), good),
        (AccessRules(AccessMode.JWT), BrokenVerifier()),
        (AccessRules(AccessMode.GATEWAY, GATEWAY.encode()), None),
    ):
        async with (
            server_with(services, access=access, tokens=tokens) as server,
            client_of(server) as client,
        ):
            for headers in requests:
                answer = await client.get(ME, headers=headers)
                statuses.add(answer.status_code)
                assert not [one for one in secrets if one in answer.text]
    assert statuses == {200, 401, 500}
    assert "a bug with" in caplog.text, "the log was not listened to"
    assert not [one[:12] for one in secrets if one in caplog.text]


def test_what_holds_a_secret_does_not_show_it_when_printed(tenant: Tenant) -> None:
    key = read_api_key(tenant.key)
    shown = f"{key!r} {Token('canary')!r} {AccessRules(AccessMode.GATEWAY, b'canary')!r}"
    assert "canary" not in shown
    assert tenant.key not in shown


def test_the_services_do_not_show_their_secrets_when_printed(services: Services) -> None:
    assert repr(services.key_pepper) not in repr(services)
