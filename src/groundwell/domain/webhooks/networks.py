"""What lies behind an IP address: the open Internet, one's own network, or what nobody may call."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address
_Network: TypeAlias = IPv4Network | IPv6Network


class Reach(StrEnum):
    """Who is reached under an address."""

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


def _networks(*texts: str) -> tuple[_Network, ...]:
    return tuple(map(ip_network, texts))


# Where clouds tell a machine its credentials. Some lie in private networks, one in public space.
_METADATA = _networks(
    *("169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32"),
    *("fe80::/10", "fd00:ec2::/32", "fd20:ce::254/128"),
)
_PRIVATE = _networks(
    *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    *("::1/128", "fc00::/7"),
)
# IANA's registries of special-purpose addresses (RFC 6890 and its updates). Written out, because
# what Python counts as global differs from version to version.
_SPECIAL = _networks(
    *("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15"),
    *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# RFC 6052: an IPv4 address for networks that have none. It leads to what its last 32 bits say.
_NAT64 = IPv6Network("64:ff9b::/96")


def reach_of(address: IPAddress) -> Reach:
    """What an address leads to.

    An IPv6 address that holds an IPv4 address in any other way than that of RFC 6052 is `NEVER`:
    mapped, compatible, 6to4, Teredo. No name has a reason to resolve to one.
    """
    if _lies_in(address, _METADATA):
        return Reach.NEVER
    if _lies_in(address, _PRIVATE):
        return Reach.PRIVATE
    if _lies_in(address, _SPECIAL):
        return Reach.NEVER
    if isinstance(address, IPv4Address):
        return Reach.PUBLIC
    if address in _NAT64:
        inner = reach_of(IPv4Address(int(address) & 0xFFFFFFFF))
        return Reach.PUBLIC if inner is Reach.PUBLIC else Reach.NEVER
    return Reach.PUBLIC if address in _GLOBAL_UNICAST else Reach.NEVER


def _lies_in(address: IPAddress, networks: Iterable[_Network]) -> bool:
    return any(address in network for network in networks)
