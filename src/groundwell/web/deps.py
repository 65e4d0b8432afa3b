"""What routes ask for: the services and the caller with the scope they need."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from groundwell.domain.identity import Principal, Scope
from groundwell.services import Services
from groundwell.web.guard import principal_of

_BYPASS = frozenset({"no-cache", "no-store"})
# For the documentation: the guard has checked the credential long before a route runs.
_Bearer = Annotated[
    object, Security(HTTPBearer(auto_error=False, description="An API key, or an access token."))
]
_Key = Annotated[object, Security(APIKeyHeader(name="X-API-Key", auto_error=False))]


async def services_of(request: Request) -> Services:
    """The services of the running server; without its caches if the request says so.

    `Cache-Control: no-cache` or `no-store` (RFC 9111) bypass the caches for reading and writing:
    so whoever measures does not measure them.
    """
    services: Services = request.app.state.services
    wanted = request.headers.get("cache-control")
    if wanted is None:
        return services
    directives = {directive.strip().lower() for directive in wanted.split(",")}
    return services.without_caches() if directives & _BYPASS else services


async def _reader(request: Request, _bearer: _Bearer, _key: _Key) -> Principal:
    principal = principal_of(request)
    principal.require(Scope.READ)
    return principal


async def _writer(request: Request, _bearer: _Bearer, _key: _Key) -> Principal:
    principal = principal_of(request)
    principal.require(Scope.WRITE)
    return principal


async def _administrator(request: Request, _bearer: _Bearer, _key: _Key) -> Principal:
    principal = principal_of(request)
    principal.require(Scope.ADMIN)
    return principal


Reader = Annotated[Principal, Depends(_reader)]
Writer = Annotated[Principal, Depends(_writer)]
Administrator = Annotated[Principal, Depends(_administrator)]
App = Annotated[Services, Depends(services_of)]


async def _operator(request: Request, caller: Administrator) -> Principal:
    await request.app.state.operator.check(caller)
    return caller


Operator = Annotated[Principal, Depends(_operator)]
