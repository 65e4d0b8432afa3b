"""Which credentials a server takes."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum

from groundwell.domain.identity import Role
from groundwell.domain.proxies import TrustedProxies


class AccessMode(StrEnum):
    """What is taken beside API keys, which are always taken."""

    API_KEY = "api_key"
    JWT = "jwt"
    GATEWAY = "gateway"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class AccessRules:
    """How callers are told apart. `new_user_role` is for users without a role of their provider's.

    `gateway_secret` is there in the mode `gateway` only. `trusted_proxies` are believed when they
    say whom they pass on.
    """

    mode: AccessMode = AccessMode.API_KEY
    gateway_secret: bytes | None = field(default=None, repr=False)
    new_user_role: Role = Role.READER
    trusted_proxies: TrustedProxies = field(default_factory=lambda: TrustedProxies(()))


def is_loopback(host: str) -> bool:
    """Whether a host, as in an address, is this machine's own and reached by nobody else."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
