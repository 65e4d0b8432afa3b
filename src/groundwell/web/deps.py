"""What routes ask for: the services and the caller with the scope they need."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from groundwell.domain.identity import Principal, Scope
from groundwell.services import Services
from groundwell.web.guard import principal_of

# For the documentation: the guard has checked the credential long before a route runs.
_Bearer = Annotated[object, Security(HTTPBearer(auto_error=False, description="An API key."))]
_Key = Annotated[object, Security(APIKeyHeader(name="X-API-Key", auto_error=False))]


async def services_of(request: Request) -> Services:
    """The services of the running server."""
    services: Services = request.app.state.services
    return services


async def _reader(request: Request, _bearer: _Bearer, _key: _Key) -> Principal:
    principal = principal_of(request)
    principal.require(Scope.READ)
    return principal


async def _writer(request: Request, _bearer: _Bearer, _key: _Key) -> Principal:
    principal = principal_of(request)
    principal.require(Scope.WRITE)
    return principal


Reader = Annotated[Principal, Depends(_reader)]
Writer = Annotated[Principal, Depends(_writer)]
App = Annotated[Services, Depends(services_of)]
