"""Keys that verify signatures, from a file of the operator's.

PEM (RFC 7468) holds one public key. JSON Web Keys (RFC 7517) come alone or as a set, and have ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeAlias

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from groundwell.domain.errors import StartupError

VerifyingKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | bytes

# What an algorithm's name begins with says of what kind its keys are. A key of another kind is no
# key: this is what keeps a public key from serving as a shared secret (RFC 8725, section 2.1).
_KINDS: Mapping[str, type[VerifyingKey]] = MappingProxyType(
    {
        "RS": RSAPublicKey,
        "PS": RSAPublicKey,
        "ES": EllipticCurvePublicKey,
        "Ed": Ed25519PublicKey,
        "HS": bytes,
    }
)
_LEAST_RSA_BITS = 2048
_MOST_KEYS = 100


class KeySource(Protocol):
    """Where verifying keys come from."""

    async def find(self, key_id: str | None) -> VerifyingKey | None:
        """The key of that id. Raises UnavailableError when keys cannot be had."""
        ...


class KeyFile:
    """Keys from a file, read once.

    A PEM file, or a JSON Web Key without id, is the one key for all tokens. Raises StartupError
    for a file that holds no key, or a key that the algorithm cannot use.
    """

    def __init__(self, path: Path, algorithm: str) -> None:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _unusable(path, error.strerror or "it cannot be read") from error
        self._only: VerifyingKey | None = None
        self._by_id: Mapping[str, VerifyingKey] = {}
        try:
            if content.lstrip().startswith(b"-----BEGIN"):
                self._only = _checked(load_pem_public_key(content), algorithm)
            else:
                self._read_json(orjson.loads(content), algorithm)
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            # The library's own words may quote the key.
            raise _unusable(path, f"it holds no public key for {algorithm}") from error

    async def find(self, key_id: str | None) -> VerifyingKey | None:
        """The one key, or the key of that id."""
        if self._only is not None:
            return self._only
        return None if key_id is None else self._by_id.get(key_id)

    def _read_json(self, document: object, algorithm: str) -> None:
        if isinstance(document, dict) and "keys" not in document and "kid" not in document:
            self._only = read_jwk(document, algorithm)
        elif isinstance(document, dict) and "keys" not in document:
            self._by_id = read_jwk_set({"keys": [document]}, algorithm)
        else:
            self._by_id = read_jwk_set(document, algorithm)
        if self._only is None and not self._by_id:
            raise ValueError("no key")


def read_jwk_set(document: object, algorithm: str) -> Mapping[str, VerifyingKey]:
    """The keys of a set that the algorithm can use, by their ids; others are left out.

    Raises ValueError for what is no set, or has too many keys.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
        raise ValueError("not a set of keys")
    found: dict[str, VerifyingKey] = {}
    for item in keys:
        key_id = item.get("kid") if isinstance(item, dict) else None
        if not isinstance(key_id, str) or key_id in found:
            continue
        try:
            found[key_id] = read_jwk(item, algorithm)
        except (ValueError, TypeError, jwt.PyJWTError):
            # Sets hold keys for other purposes beside ours.
            continue
    return MappingProxyType(found)


def read_jwk(item: dict[str, object], algorithm: str) -> VerifyingKey:
    """A JSON Web Key. Raises ValueError, TypeError or PyJWTError if the algorithm cannot use it."""
    if item.get("use", "sig") != "sig" or item.get("alg", algorithm) != algorithm:
        raise ValueError("for another purpose")
    return _checked(jwt.PyJWK(item, algorithm=algorithm).key, algorithm)


def _checked(key: object, algorithm: str) -> VerifyingKey:
    kind = _KINDS[algorithm[:2]]
    if not isinstance(key, kind):
        raise ValueError("a key of another kind")  # noqa: TRY004 - the value in the file is wrong
    if isinstance(key, RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        raise ValueError("too short")
    # RFC 7518, section 3.2: a shared secret is at least as long as the hash.
    if isinstance(key, bytes) and len(key) * 8 < int(algorithm[2:]):
        raise ValueError("too short")
    return key


def _unusable(path: Path, reason: str) -> StartupError:
    return StartupError(f"The key file {path} cannot be used: {reason}.", code="bad_jwt_keys")
