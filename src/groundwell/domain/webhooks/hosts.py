"""Which addresses (URLs) the server may call because a request names them.

An address is read once, by one small grammar, and what is called are the parts that were checked:
two readers that differ over one text are how such checks are usually got round.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from groundwell.domain.errors import UrlRefusedError
from groundwell.domain.webhooks.networks import IPAddress, Reach, reach_of

MOST_CHARACTERS = 2000
URL_PATTERN = r"^[Hh][Tt][Tt][Pp][Ss]?://[][A-Za-z0-9._:-]+([/?][!-~]*)?$"
"""What every address that is called looks like, for the documentation; not all these are called."""
_MOST_NAME = 253
_LAST_PORT = 65535
_PORTS = {"https": 443, "http": 80}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# What some resolvers take for an IPv4 address (WHATWG URL, "ends in a number"): 127.1, 0x7f000001.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
# RFC 3986 without user information, fragments and percent-encoded hosts.
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)"
)
_ENTRY = re.compile(r"(?P<host>\*|\[[0-9a-f:.]+\]|(?:\*\.)?[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Callee:
    """An address that may be called, in the parts that were checked.

    `host` is lower case, an IPv6 address without brackets. `target` is path and query, never empty.
    `may_be_private`: the operator has named exactly this host.
    """

    scheme: str
    host: str
    port: int
    target: str
    may_be_private: bool

    @property
    def authority(self) -> str:
        """Host and port as in the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def literal(self) -> IPAddress | None:
        """The host, if it is an IP address."""
        return read_ip(self.host)

    def check(self, addresses: Sequence[IPAddress]) -> None:
        """Raise UrlRefusedError unless each address that the host has may be called.

        One that may not spoils all: who mixes them hopes that another one is taken than was looked
        at. Without encryption only private addresses are called.
        """
        reached = {reach_of(address) for address in addresses}
        allowed = {Reach.PUBLIC} if self.scheme == "https" else set()
        if self.may_be_private:
            allowed.add(Reach.PRIVATE)
        if not reached <= allowed:
            raise UrlRefusedError("The host of the address has an IP address that is not called.")


@dataclass(frozen=True, slots=True)
class _Rule:
    """An entry of the setting. `port` None: the scheme's own."""

    host: str
    port: int | None

    @property
    def is_exact(self) -> bool:
        return not self.host.startswith("*")

    def fits(self, scheme: str, host: str, port: int) -> bool:
        if port != (_PORTS[scheme] if self.port is None else self.port):
            return False
        return self.host in ("*", host) or (
            self.host.startswith("*.") and host.endswith(self.host[1:])
        )


class HostRules:
    """The hosts that the operator lets the server call.

    Entries: `hooks.example.org`, `*.example.org` (whatever is below it, not itself), `*` (any), or
    an IP address, `[…]` around one of IPv6; each with `:port`, else it is for port 443 (80 with
    http). Only an exact entry opens private addresses, and http to these. Raises ValueError.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._rules = [_read_rule(entry) for entry in entries]

    def check(self, url: str) -> Callee:
        """The address in its parts. Nothing is looked up. Raises UrlRefusedError."""
        if not self._rules:
            raise UrlRefusedError("This server calls no addresses: webhook_hosts is not set.")
        scheme, host, port, target = _split(url)
        fitting = [rule for rule in self._rules if rule.fits(scheme, host, port)]
        if not fitting:
            raise UrlRefusedError("The host or port of the address is not among webhook_hosts.")
        callee = Callee(scheme, host, port, target, any(rule.is_exact for rule in fitting))
        if scheme == "http" and not callee.may_be_private:
            raise UrlRefusedError("The address must begin with https://.")
        if (literal := callee.literal) is not None:
            callee.check([literal])
        return callee


def read_ip(host: str) -> IPAddress | None:
    """The IP address in its one plain form; None for a name. Raises UrlRefusedError for others."""
    try:
        if ":" in host:
            return IPv6Address(host)
        if _NUMBER.fullmatch(host):
            return IPv4Address(host)
    except AddressValueError as error:
        raise UrlRefusedError("The IP address is not written in the usual way.") from error
    return None


def _split(url: str) -> tuple[str, str, int, str]:
    parts = _URL.fullmatch(url) if len(url) <= MOST_CHARACTERS else None
    if parts is None:
        raise UrlRefusedError(
            "The address is too long or not plain: https://host/path, in ASCII, without user, "
            "password or fragment."
        )
    scheme = parts["scheme"].lower()
    if scheme not in _PORTS:
        raise UrlRefusedError("The address must begin with https://.")
    host = _checked_host(parts["host"].lower())
    port = int(parts["port"] or _PORTS[scheme])
    target = parts["target"]
    return scheme, host, port, target if target.startswith("/") else f"/{target}"


def _checked_host(host: str) -> str:
    plain = host.removeprefix("[").removesuffix("]")
    address = read_ip(plain)
    if address is not None:
        return str(address)
    if len(plain) > _MOST_NAME or not _NAME.fullmatch(plain):
        raise UrlRefusedError("The host of the address is no name of a host.")
    return plain


def _read_rule(entry: str) -> _Rule:
    parts = _ENTRY.fullmatch(entry.lower())
    port = None if parts is None or parts["port"] is None else int(parts["port"])
    if parts is None or (port is not None and not 0 < port <= _LAST_PORT):
        raise ValueError(f"{entry!r} is neither a host, nor *.domain, nor *")
    host = parts["host"]
    try:
        if host != "*":
            host = ("*." if host.startswith("*.") else "") + _checked_host(host.removeprefix("*."))
        address = None if host.startswith("*") else read_ip(host)
    except UrlRefusedError as error:
        raise ValueError(f"{entry!r} is neither a host, nor *.domain, nor *") from error
    if address is not None and reach_of(address) is Reach.NEVER:
        raise ValueError(f"{entry!r} is an address that is never called")
    return _Rule(host, port)
