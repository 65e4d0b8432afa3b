"""What is a good access token, and what each bad one is answered with."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.fakes.identity_provider import AUDIENCE, ISSUER, IdentityProvider

from groundwell.adapters.token_verifier.pyjwt import (
    ClaimRules,
    KeyFile,
    KeyServer,
    PyJwtVerifier,
)
from groundwell.domain.errors import (
    ForbiddenError,
    StartupError,
    UnauthenticatedError,
    UnavailableError,
)
from groundwell.domain.identity import Role

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def provider() -> IdentityProvider:
    return IdentityProvider()


def rules(algorithm: str = "RS256", **more: str) -> ClaimRules:
    return ClaimRules(algorithm, ISSUER, AUDIENCE, **more)


def verifier_of(
    folder: Path, content: bytes, algorithm: str = "RS256", **more: str
) -> PyJwtVerifier:
    path = folder / "keys"
    path.write_bytes(content)
    return PyJwtVerifier(KeyFile(path, algorithm), rules(algorithm, **more))


@pytest.fixture
def verifier(provider: IdentityProvider, tmp_path: Path) -> PyJwtVerifier:
    return verifier_of(tmp_path, provider.key_set)


async def refusal(verifier: PyJwtVerifier, token: str) -> UnauthenticatedError:
    with pytest.raises(UnauthenticatedError) as caught:
        await verifier.verify(token)
    assert token not in caught.value.detail or not token
    assert caught.value.__cause__ is None, "the library's words may quote the token"
    return caught.value


def encoded(part: Mapping[str, object] | bytes) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def test_a_good_token_says_who_it_is(
    verifier: PyJwtVerifier, provider: IdentityProvider
) -> None:
    verified = await verifier.verify(provider.token())
    assert (verified.user.subject, verified.user.name) == ("ann", "Ann")
    assert (verified.user.tenant, verified.user.role) == (None, None)
    assert 650 < verified.seconds_left <= 661


async def test_an_audience_may_be_one_of_several(
    verifier: PyJwtVerifier, provider: IdentityProvider
) -> None:
    assert await verifier.verify(provider.token(aud=["other", AUDIENCE]))


@pytest.mark.parametrize("name", [None, 7, "", "x" * 201, "a\0b", "\ud800", "line\nbreak"])
async def test_a_name_that_is_none_is_replaced_by_the_subject(
    verifier: PyJwtVerifier, provider: IdentityProvider, name: object
) -> None:
    assert (await verifier.verify(provider.token(name=name))).user.name == "ann"


BAD_CLAIMS: dict[str, dict[str, object]] = {
    "not yet valid": {"nbf": time.time() + 86_400},
    "issued in the future": {"iat": time.time() + 86_400, "exp": time.time() + 86_500},
    "without exp": {"exp": None},
    "without iat": {"iat": None},
    "without sub": {"sub": None},
    "without aud": {"aud": None},
    "without iss": {"iss": None},
    "of a wrong audience": {"aud": "another"},
    "of a wrong audience in a list": {"aud": ["another", "third"]},
    "of a longer audience": {"aud": AUDIENCE + "-admin"},
    "of a wrong issuer": {"iss": ISSUER + "evil"},
    "good for a hundred years": {"exp": time.time() + 100 * 365 * 86_400},
    "with an endless exp": {"exp": float("inf")},
    "with a text for exp": {"exp": "tomorrow"},
    "with a list for iat": {"iat": [1]},
    "with a number for sub": {"sub": 7},
    "with an empty sub": {"sub": ""},
    "with a long sub": {"sub": "x" * 256},
    "with NUL in sub": {"sub": "a\0"},
}


@pytest.mark.parametrize("claims", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
async def test_a_token_with_bad_claims_is_refused(
    verifier: PyJwtVerifier, provider: IdentityProvider, claims: dict[str, Any]
) -> None:
    if not isinstance(claims.get("sub", ""), str):
        signed = jwt.PyJWS().encode(
            json.dumps(provider.claims(**claims)).encode(),
            provider.private,
            "RS256",
            {"kid": "first"},
        )
    else:
        signed = provider.token(**claims)
    assert (await refusal(verifier, signed)).code == "unauthenticated"


async def test_an_expired_token_is_told_so_after_a_minute_of_grace(
    verifier: PyJwtVerifier, provider: IdentityProvider
) -> None:
    now = int(time.time())
    assert await verifier.verify(provider.token(iat=now - 600, exp=now - 55))
    expired = provider.token(iat=now - 600, exp=now - 65)
    assert (await refusal(verifier, expired)).code == "token_expired"
    late = provider.token(iat=now, nbf=now + 55)
    assert await verifier.verify(late)


@pytest.mark.parametrize(
    ("ahead", "is_good"), [(-86_400, True), (0, True), (55, True), (65, False), (86_400, False)]
)
async def test_nbf_is_kept_to_when_it_is_there_with_a_minute_of_grace(
    verifier: PyJwtVerifier, provider: IdentityProvider, ahead: int, is_good: bool
) -> None:
    token = provider.token(nbf=int(time.time()) + ahead)
    if is_good:
        assert (await verifier.verify(token)).user.subject == "ann"
    else:
        assert (await refusal(verifier, token)).code == "unauthenticated"


@pytest.mark.parametrize("nbf", ["soon", [1], {}, float("inf"), float("nan"), None])
async def test_an_nbf_that_is_no_moment_is_refused_and_one_that_is_not_there_is_not_missed(
    verifier: PyJwtVerifier, provider: IdentityProvider, nbf: object
) -> None:
    claims = provider.claims()
    assert "nbf" not in claims
    assert await verifier.verify(provider.token())
    said = json.dumps({**claims, "nbf": nbf}).encode()
    signed = jwt.PyJWS().encode(said, provider.private, "RS256", {"kid": "first"})
    await refusal(verifier, signed)


async def test_a_token_needs_no_id_and_an_id_makes_it_good_for_no_fewer_requests(
    verifier: PyJwtVerifier, provider: IdentityProvider
) -> None:
    assert "jti" not in provider.claims()
    with_id = provider.token(jti="7f3d")
    for token in (provider.token(), with_id, with_id):
        assert (await verifier.verify(token)).user.subject == "ann"


async def test_a_token_without_a_signature_is_refused(
    verifier: PyJwtVerifier, provider: IdentityProvider
) -> None:
    for name in ("none", "None", "NONE", "nOnE", ""):
        header = {"alg": name, "kid": "first", "typ": "JWT"}
        await refusal(verifier, f"{encoded(header)}.{encoded(provider.claims())}.")
    good = provider.token()
    await refusal(verifier, good.rsplit(".", 1)[0] + ".")
    await refusal(verifier, f"{encoded({'kid': 'first'})}." + good.split(".", 1)[1])


@pytest.mark.parametrize("kind", ["set", "pem"])
async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(
    tmp_path: Path, provider: IdentityProvider, kind: str
) -> None:
    content = provider.key_set if kind == "set" else provider.pem.encode()
    verifier = verifier_of(tmp_path, content)
    assert await verifier.verify(provider.token())
    header = {"alg": "HS256", "kid": "first", "typ": "JWT"}
    signed = f"{encoded(header)}.{encoded(provider.claims())}"
    for secret in (provider.pem.encode(), provider.pem.strip().encode(), content):
        signature = hmac.digest(secret, signed.encode(), "sha256")
        await refusal(verifier, f"{signed}.{encoded(signature)}")


async def test_another_algorithm_of_the_same_key_is_refused(
    verifier: PyJwtVerifier, provider: IdentityProvider
) -> None:
    for algorithm in ("RS384", "RS512", "PS256"):
        token = jwt.encode(provider.claims(), provider.private, algorithm, {"kid": "first"})
        await refusal(verifier, token)


async def test_only_keys_of_the_operator_s_map_are_looked_up(
    verifier: PyJwtVerifier, provider: IdentityProvider
) -> None:
    wrong: list[object] = ["second", "", "../../etc/passwd", "' OR 1=1 --", "http://x/y", "FIRST"]
    for key_id in wrong:
        await refusal(verifier, provider.token({"kid": key_id}))
    body = provider.token().split(".")[1]
    for odd in (None, 7, ["first"], {"a": 1}):
        header = encoded({"alg": "RS256", "kid": odd})
        await refusal(verifier, f"{header}.{body}.{encoded(b'x' * 256)}")
    nameless = jwt.encode(provider.claims(), provider.private, "RS256")
    await refusal(verifier, nameless)


async def test_a_key_that_the_token_brings_along_is_not_used(verifier: PyJwtVerifier) -> None:
    thief = IdentityProvider()
    async with thief.serving() as address:
        for header in (
            {"jku": address},
            {"x5u": address},
            {"jwk": thief.jwk},
            {"x5c": ["MIIB"]},
            {"kid": address},
        ):
            await refusal(verifier, thief.token(header))
    assert thief.asked == 0


async def test_a_token_for_another_end_or_with_unknown_demands_is_refused(
    verifier: PyJwtVerifier, provider: IdentityProvider
) -> None:
    for header in ({"typ": "refresh+jwt"}, {"typ": "logout+jwt"}, {"crit": ["exp"], "exp": 1}):
        await refusal(verifier, provider.token(header))
    for kind in ("at+jwt", "JWT", "application/at+jwt"):
        assert await verifier.verify(provider.token({"typ": kind}))


async def test_what_is_no_token_is_refused(
    verifier: PyJwtVerifier, provider: IdentityProvider
) -> None:
    good = provider.token()
    header, body, signature = good.split(".")
    deep = encoded(b'{"alg":"RS256","kid":' + b"[" * 5000)
    changed = encoded(provider.claims(sub="bob"))
    for bad in (
        "..",
        "a.b.c",
        good + "A",
        good[:-3],
        f"{header}.{body}",
        f"{header}.{changed}.{signature}",
        f"{deep}.{body}.{signature}",
        f"{encoded(b'[]')}.{body}.{signature}",
        f"{encoded(b'not json')}.{body}.{signature}",
        f"{header}.{body}.é",
        good + "." + signature,
        provider.token(padding="x" * 9000),
    ):
        await refusal(verifier, bad)


@pytest.mark.parametrize(
    ("algorithm", "private"),
    [
        ("PS256", rsa.generate_private_key(65537, 2048)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
    ids=["PS256", "ES256", "EdDSA"],
)
async def test_a_pem_file_is_the_one_key_whatever_the_token_calls_it(
    tmp_path: Path,
    provider: IdentityProvider,
    algorithm: str,
    private: Any,  # noqa: ANN401 - any kind
) -> None:
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    verifier = verifier_of(tmp_path, pem, algorithm)
    for headers in ({}, {"kid": "anything"}):
        assert await verifier.verify(jwt.encode(provider.claims(), private, algorithm, headers))
    await refusal(verifier, provider.token())


async def test_a_shared_secret_is_a_key_too(tmp_path: Path, provider: IdentityProvider) -> None:
    key = {"kty": "oct", "k": encoded(SECRET)}
    verifier = verifier_of(tmp_path, json.dumps(key).encode(), "HS256")
    assert await verifier.verify(jwt.encode(provider.claims(), SECRET, "HS256"))
    other = jwt.encode(provider.claims(), SECRET[::-1], "HS256")
    await refusal(verifier, other)


def unusable(provider: IdentityProvider) -> dict[str, tuple[bytes, str]]:
    private = provider.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    private_jwk = jwt.algorithms.RSAAlgorithm.to_jwk(provider.private).encode()
    short = rsa.generate_private_key(65537, 1024).public_key()
    return {
        "empty": (b"", "RS256"),
        "not a key": (b"-----BEGIN NONSENSE-----", "RS256"),
        "an empty set": (b'{"keys": []}', "RS256"),
        "a list": (b"[]", "RS256"),
        "a private key": (private, "RS256"),
        "a private JWK": (private_jwk, "RS256"),
        "a public key as a secret": (provider.pem.encode(), "HS256"),
        "an RSA key for ES256": (provider.key_set, "ES256"),
        "a key for encryption": (json.dumps({**provider.jwk, "use": "enc"}).encode(), "RS256"),
        "a key of another algorithm": (provider.key_set, "PS256"),
        "a short secret": (json.dumps({"kty": "oct", "k": encoded(b"abc")}).encode(), "HS256"),
        "a short RSA key": (jwt.algorithms.RSAAlgorithm.to_jwk(short).encode(), "RS256"),
        "too many keys": (json.dumps({"keys": [provider.jwk] * 101}).encode(), "RS256"),
    }


def test_a_file_without_a_usable_key_stops_the_start_and_is_not_quoted(
    tmp_path: Path, provider: IdentityProvider
) -> None:
    for name, (content, algorithm) in unusable(provider).items():
        with pytest.raises(StartupError, match="cannot be used") as caught:
            verifier_of(tmp_path, content, algorithm)
        assert caught.value.code == "bad_jwt_keys", name
        assert provider.jwk["n"][:20] not in caught.value.detail
    with pytest.raises(StartupError, match="No such file"):
        KeyFile(tmp_path / "missing", "RS256")


async def test_tenant_and_role_come_from_the_claims_that_the_operator_names(
    tmp_path: Path, provider: IdentityProvider
) -> None:
    verifier = verifier_of(
        tmp_path,
        provider.key_set,
        tenant_claim="https://example.com/tenant",
        role_claim="realm_access.roles",
    )
    claims = {"https://example.com/tenant": "t1"}
    roles = {"realm_access": {"roles": ["offline", "reader", "member", 7]}}
    user = (await verifier.verify(provider.token(**claims, **roles))).user
    assert (user.tenant, user.role) == ("t1", Role.MEMBER)
    for odd, code in (
        (roles, "unknown_tenant"),
        ({**roles, "https://example.com/tenant": 7}, "unknown_tenant"),
        (claims, "unknown_role"),
        ({**claims, "realm_access": "admin"}, "unknown_role"),
        ({**claims, "realm_access": {"roles": "owner"}}, "unknown_role"),
        ({**claims, "realm_access": {"roles": ["Admin", "root"]}}, "unknown_role"),
    ):
        with pytest.raises(ForbiddenError) as caught:
            await verifier.verify(provider.token(**odd))
        assert caught.value.code == code


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_keys_of_an_address_are_fetched_once_and_again_for_a_new_one() -> None:
    provider, clock = IdentityProvider(), Clock()
    async with provider.serving() as address:
        server = KeyServer(address, "RS256", clock=clock)
        verifier = PyJwtVerifier(server, rules())
        for _ in range(3):
            assert await verifier.verify(provider.token())
        assert provider.asked == 1
        provider.key_id = "second"
        await refusal(verifier, provider.token())
        assert provider.asked == 1, "too soon after the last look"
        clock.now = 31
        assert await verifier.verify(provider.token())
        await refusal(verifier, provider.token({"kid": "first"}))
        for number in range(100):
            await refusal(verifier, provider.token({"kid": f"made-up-{number}"}))
        assert provider.asked == 2
        clock.now = 31 + 601
        assert await verifier.verify(provider.token())
        assert provider.asked == 3
        await server.close()


async def test_keys_outlive_their_server_by_an_hour_at_most() -> None:
    provider, clock = IdentityProvider(), Clock()
    async with provider.serving() as address:
        server = KeyServer(address, "RS256", clock=clock)
        verifier = PyJwtVerifier(server, rules())
        assert await verifier.verify(provider.token())
        provider.status = 503
        clock.now = 3599
        assert await verifier.verify(provider.token())
        clock.now = 3601
        with pytest.raises(UnavailableError) as caught:
            await verifier.verify(provider.token())
        assert caught.value.code == "identity_provider_unavailable"
        await server.close()


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (302, None),
        (404, None),
        (200, b"<html>"),
        (200, b"[1]"),
        (200, b'{"keys": "none"}'),
        (200, b'{"keys": [' + b" " * (300 << 10) + b"]}"),
    ],
)
async def test_an_answer_that_is_no_key_set_lets_nobody_in(
    status: int, content: bytes | None
) -> None:
    provider = IdentityProvider()
    provider.status, provider.content = status, content
    async with provider.serving() as address:
        server = KeyServer(address, "RS256")
        verifier = PyJwtVerifier(server, rules())
        for _ in range(3):
            with pytest.raises(UnavailableError):
                await verifier.verify(provider.token())
        assert provider.asked == 1
        await server.close()


async def test_a_key_server_that_does_not_answer_holds_a_request_for_a_limited_time() -> None:
    provider = IdentityProvider()
    provider.delay = 60.0
    async with provider.serving() as address:
        server = KeyServer(address, "RS256", timeout_seconds=0.2)
        begun = time.monotonic()
        with pytest.raises(UnavailableError):
            await PyJwtVerifier(server, rules()).verify(provider.token())
        assert time.monotonic() - begun < 30
        await server.close()
