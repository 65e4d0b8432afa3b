"""An identity provider: makes keys, signs tokens, and shows its key set on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://id.example.com/"
AUDIENCE = "groundwell"


class IdentityProvider:
    """Signs with one RSA key at a time. `delay` holds back the key set, in seconds."""

    def __init__(self, key_id: str = "first") -> None:
        self.key_id = key_id
        self.private = rsa.generate_private_key(65537, 2048)
        self.status = 200
        self.delay = 0.0
        self.asked = 0
        self.content: bytes | None = None

    @property
    def pem(self) -> str:
        return (
            self.private.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    @property
    def jwk(self) -> dict[str, Any]:
        key: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(
            self.private.public_key(), as_dict=True
        )
        return {**key, "kid": self.key_id, "use": "sig", "alg": "RS256"}

    @property
    def key_set(self) -> bytes:
        return json.dumps({"keys": [self.jwk]}).encode()

    def claims(self, **changes: object) -> dict[str, Any]:
        """Good claims, with changes; a claim that is None is left out."""
        now = int(time.time())
        good = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "ann",
            "name": "Ann",
            "iat": now,
            "exp": now + 600,
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(self, header: dict[str, Any] | None = None, **changes: object) -> str:
        headers = {"kid": self.key_id, **(header or {})}
        return jwt.encode(self.claims(**changes), self.private, "RS256", headers)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The address of the key set."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        await asyncio.sleep(self.delay)
        body = self.key_set if self.content is None else self.content
        writer.write(f"HTTP/1.1 {self.status} X\r\nConnection: close\r\n".encode())
        writer.write(f"Location: /elsewhere\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()
