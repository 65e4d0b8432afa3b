"""Whose address counts when a request comes through reverse proxies.

Each proxy adds to the right of `X-Forwarded-For` the address that it was asked from; what stands
further left may be made up by the client. So the right-most address that no trusted proxy has is
the client's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
# More proxies in a row than anybody has: whatever stands further left is not read.
_MOST_HOPS = 16


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The networks of proxies that are believed."""

    networks: tuple[Network, ...]

    def trusts(self, peer: str) -> bool:
        """Whether that address, as the socket tells it, is a trusted proxy's."""
        if not self.networks:
            return False
        address = _read(peer)
        return address is not None and self._has(address)

    def client_of(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """The address of the client of a trusted `peer`.

        forwarded_for: the values of `X-Forwarded-For` in the order in which they came
        Where the chain breaks off, or is not legible, the last address that is known counts.
        """
        known = peer
        entries = [entry for value in forwarded_for for entry in value.split(",")]
        for entry in reversed(entries[-_MOST_HOPS:]):
            address = _read(_without_port(entry.strip()))
            if address is None:
                break
            known = str(address)
            if not self._has(address):
                break
        return known

    def _has(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def _read(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(entry: str) -> str:
    """Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""
    if entry.startswith("["):
        address, closing, port = entry[1:].partition("]")
        return address if closing and (not port or port[0] == ":") else ""
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
