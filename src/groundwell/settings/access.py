"""Settings: who may come in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import NoDecode

from groundwell.domain.proxies import Network
from groundwell.settings.lists import CommaSeparated
from groundwell.settings.tables import NamedValues


def _refuse_everybody(networks: tuple[Network, ...]) -> tuple[Network, ...]:
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError("a network of all addresses would let everybody choose his own")
    return networks


Proxies = Annotated[
    tuple[IPvAnyNetwork, ...],
    NoDecode,
    CommaSeparated,
    AfterValidator(_refuse_everybody),
]


class ClaimNames(BaseModel):
    """The claims of an access token that say more than who it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: str | None = None
    role: str | None = None


class AccessSettings(BaseModel):
    """What is taken beside API keys, and how it is checked."""

    auth: Literal["api_key", "jwt", "gateway", "off"] = Field(
        default="api_key",
        description="What is taken beside API keys: access tokens, the word of a gateway, or "
        "nothing at all.",
    )
    jwt_keys: str | None = Field(
        default=None,
        description="Keys of access tokens: a file (PEM or JWK), or the https address of a JWK "
        "set.",
    )
    jwt_algorithm: Literal["RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA", "HS256"] = Field(
        default="RS256", description="The one algorithm of access tokens."
    )
    jwt_issuer: str | None = Field(default=None, description="The `iss` of access tokens.")
    jwt_audience: str | None = Field(
        default=None, description="What the `aud` of access tokens must name."
    )
    jwt_claims: Annotated[ClaimNames, NoDecode, NamedValues] = Field(
        default=ClaimNames(),
        description="Claims by name: `tenant` with the id of the tenant, else there is one only; "
        "`role` with the role, or a list with it, else the stored role.",
    )
    gateway_secret: SecretStr | None = Field(
        default=None, description="What a gateway shows to be believed; 32 characters or more."
    )
    trusted_proxies: Proxies = Field(
        default=(),
        description="Addresses and networks of reverse proxies whose X-Forwarded-For is believed.",
    )
    new_user_role: Literal["member", "reader"] = Field(
        default="reader",
        description="Role of users whom a token or gateway names first, unless it says one.",
    )
