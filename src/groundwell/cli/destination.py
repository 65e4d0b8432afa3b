"""Which server a command talks to, and with which key.

An address comes from the first of: `--url` or GROUNDWELL_URL, the server of a data folder that was
named, the session, the server of the usual data folder. A key comes from the first of:
`--key-file`, GROUNDWELL_API_KEY, what is kept for the address. What is kept goes to the address
that it was kept for, and to no other.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx

from groundwell.cli.session import Session, read_session
from groundwell.domain.access import is_loopback
from groundwell.domain.errors import StartupError
from groundwell.settings import load_settings

KEY_VARIABLE = "GROUNDWELL_API_KEY"
# What a header can carry: a key with anything else would break the request, not be refused.
_KEY = re.compile(r"[!-~]+")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NO_PART_OF_HOST = frozenset(" %\\@<>")
_EVERY_INTERFACE = ("0.0.0.0", "::")  # noqa: S104 - read, not listened on


class KeySource(StrEnum):
    """Where a key comes from."""

    FILE = "--key-file"
    ENVIRONMENT = KEY_VARIABLE
    SESSION = "session"
    FOLDER = "owner.key"
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is: scheme, host, port and path in one way of writing.

    `is_own` says that it is the server of a data folder of this machine.
    """

    url: str
    host: str
    is_own: bool = False

    @property
    def is_near(self) -> bool:
        """Whether what is sent there stays on this machine."""
        return self.is_own or is_loopback(self.host)

    @property
    def is_exposed(self) -> bool:
        """Whether whoever sits between can read what is sent."""
        return self.url.startswith("http:") and not self.is_near


@dataclass(frozen=True, slots=True)
class Destination:
    """A server, and the key that goes to it."""

    address: Address
    key: str = field(repr=False)
    source: KeySource

    @classmethod
    def of(cls, address: Address, text: str, source: KeySource) -> Self:
        """The destination with a key as it was read. Raises StartupError if it can be no key."""
        key = text.strip()
        if not key:
            raise StartupError(
                f"There is no API key for {address.url}: it is empty.", code="no_key"
            )
        if not _KEY.fullmatch(key):
            raise StartupError("The API key holds characters that no key has.", code="bad_key")
        return cls(address, key, source)


def find_destination(data_dir: Path | None, url: str | None, key_file: Path | None) -> Destination:
    """The server and the key for it. Raises StartupError when one of them cannot be had."""
    address = find_address(data_dir, url)
    if key_file is not None:
        return Destination.of(address, _read_key(key_file), KeySource.FILE)
    if key := os.environ.get(KEY_VARIABLE):
        return Destination.of(address, key, KeySource.ENVIRONMENT)
    if not (address.is_own and data_dir is not None):
        session = read_session()
        if session is not None and session.url == address.url:
            return Destination.of(address, session.key, KeySource.SESSION)
    if address.is_own:
        folder = load_settings(data_dir=data_dir).data_dir
        return Destination.of(address, _read_key(folder / "owner.key"), KeySource.FOLDER)
    raise StartupError(
        f"There is no key for {address.url}, and keys for other addresses are not sent there. Log "
        f"in with `groundwell login --url {address.url}`, or name a file with a key with "
        "--key-file.",
        code="no_key",
    )


def find_address(data_dir: Path | None, url: str | None) -> Address:
    """The server that is meant. Raises StartupError when there is none, or it is no address."""
    folder = load_settings(data_dir=data_dir).data_dir
    noted = find_server(folder)
    own = None if noted is None else read_address(noted, is_own=True)
    if url is not None:
        address = read_address(url)
        return _as_own(address, own)
    session: Session | None = read_session() if data_dir is None else None
    if session is not None:
        return _as_own(read_address(session.url), own)
    if own is None:
        # Not the default port: whoever listens there is not who the key is for.
        raise StartupError(
            f"No server runs on the data folder {folder}. Start one with `groundwell serve`, name "
            "the address of one with --url, or log in to one with `groundwell login`.",
            code="no_server",
        )
    return own


def find_server(data_dir: Path) -> str | None:
    """The address that the folder's server left, if there is one."""
    try:
        return str(json.loads((data_dir / "server.json").read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_address(text: str, *, is_own: bool = False) -> Address:
    """An address in the one way of writing (RFC 3986, section 6.2). Raises StartupError.

    Credentials, a query or a fragment do not belong to the address of a server.
    """
    try:
        parts = urlsplit(text)
        port = None if parts.port == _DEFAULT_PORTS.get(parts.scheme) else parts.port
        url = httpx.URL(
            scheme=parts.scheme,
            host=parts.hostname or "",
            port=port,
            path=parts.path.rstrip("/") or "/",
        )
    except (ValueError, httpx.InvalidURL) as error:
        raise _no_address(text) from error
    if not (
        text.isprintable()
        and parts.scheme in _DEFAULT_PORTS
        and parts.hostname
        and not _NO_PART_OF_HOST & set(parts.netloc)
        and not parts.query
        and not parts.fragment
        and port != 0
    ):
        raise _no_address(text)
    return Address(str(url).rstrip("/"), parts.hostname, is_own)


def _no_address(text: str) -> StartupError:
    # Not repeated when there may be a password in it.
    shown = f"'{text}' is" if text.isprintable() and "@" not in text else "That is"
    return StartupError(
        f"{shown} not an address of a server. Write it like http://127.0.0.1:8765.",
        code="bad_address",
    )


def _as_own(address: Address, own: Address | None) -> Address:
    """The folder's own server under another of its names, or the address as it is."""
    if own is None:
        return address
    here, there = httpx.URL(own.url), httpx.URL(address.url)
    is_same_port = (here.scheme, here.port, here.path) == (there.scheme, there.port, there.path)
    listens_here = is_loopback(own.host) or own.host in _EVERY_INTERFACE
    if address.url == own.url or (is_same_port and listens_here and is_loopback(address.host)):
        return Address(address.url, address.host, is_own=True)
    return address


def _read_key(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise StartupError(
            f"There is no key in {path}. Start the server once with `groundwell serve`, log in "
            "with `groundwell login`, or name a file with a key with --key-file.",
            code="no_key",
        ) from error
