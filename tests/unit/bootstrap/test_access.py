"""Settings that would let in everybody stop the start."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.fakes.identity_provider import IdentityProvider

from groundwell.bootstrap.access import make_access_rules, make_token_verifier
from groundwell.domain.access import AccessMode
from groundwell.domain.circuit_breaker import Circuits
from groundwell.domain.errors import StartupError
from groundwell.domain.identity import Role
from groundwell.settings import Settings

JWT = {"auth": "jwt", "jwt_issuer": "https://id.example.com/", "jwt_audience": "groundwell"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_authentication_may_be_off_on_loopback(host: str) -> None:
    assert make_access_rules(Settings(auth="off", host=host)).mode is AccessMode.OFF


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.0.7", "example.com", "localhost.example.com"]
)
def test_authentication_off_for_others_stops_the_start(host: str) -> None:
    with pytest.raises(StartupError) as caught:
        make_access_rules(Settings(auth="off", host=host))
    assert caught.value.code == "open_to_others"


def test_other_modes_may_listen_anywhere() -> None:
    rules = make_access_rules(Settings(host="0.0.0.0", new_user_role="member"))
    assert (rules.mode, rules.new_user_role) == (AccessMode.API_KEY, Role.MEMBER)


@pytest.mark.parametrize("secret", [None, "", "x" * 31])
def test_a_gateway_needs_a_long_secret(secret: str | None) -> None:
    with pytest.raises(StartupError) as caught:
        make_access_rules(Settings(auth="gateway", gateway_secret=secret))
    assert caught.value.code == "bad_gateway_secret"


@pytest.mark.parametrize("secret", ["", "abc", "x" * 31])
def test_a_key_of_keys_must_be_long(secret: str) -> None:
    with pytest.raises(StartupError) as caught:
        make_access_rules(Settings(secret_key=secret))
    assert caught.value.code == "bad_secret_key"
    assert not secret or secret not in caught.value.detail
    assert make_access_rules(Settings(secret_key="x" * 32))


def test_a_secret_counts_in_the_mode_gateway_only() -> None:
    assert make_access_rules(Settings(gateway_secret="x" * 32)).gateway_secret is None
    rules = make_access_rules(Settings(auth="gateway", gateway_secret="x" * 32))
    assert rules.gateway_secret == b"x" * 32


@pytest.mark.parametrize("lacking", ["jwt_issuer", "jwt_audience", "jwt_keys"])
async def test_tokens_need_keys_an_issuer_and_an_audience(lacking: str) -> None:
    given = {**JWT, "jwt_keys": "https://id.example.com/keys"}
    given.pop(lacking)
    async with AsyncExitStack() as stack:
        with pytest.raises(StartupError, match="needs jwt_keys, jwt_issuer and jwt_audience"):
            make_token_verifier(Settings(**given), stack, Circuits())


@pytest.mark.parametrize(
    "place",
    ["http://id.example.com/keys", "ftp://id.example.com/keys", "https://", "file:///etc/passwd"],
)
async def test_keys_come_over_https_or_from_a_file(place: str) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(StartupError) as caught:
            make_token_verifier(Settings(**JWT, jwt_keys=place), stack, Circuits())
    assert caught.value.code == "bad_jwt_keys"


async def test_a_shared_secret_does_not_come_from_an_address() -> None:
    settings = Settings(**JWT, jwt_keys="https://id.example.com/keys", jwt_algorithm="HS256")
    async with AsyncExitStack() as stack:
        with pytest.raises(StartupError, match="shared secret"):
            make_token_verifier(settings, stack, Circuits())


async def test_good_settings_make_a_verifier(tmp_path: Path) -> None:
    provider = IdentityProvider()
    file = tmp_path / "keys.json"
    file.write_bytes(provider.key_set)
    async with provider.serving() as address, AsyncExitStack() as stack:
        for place in (str(file), address):
            tokens = make_token_verifier(Settings(**JWT, jwt_keys=place), stack, Circuits())
            assert tokens is not None
            assert (await tokens.verify(provider.token())).user.subject == "ann"
    async with AsyncExitStack() as stack:
        assert make_token_verifier(Settings(jwt_keys=str(file)), stack, Circuits()) is None
