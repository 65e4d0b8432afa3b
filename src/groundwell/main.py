"""The web application: shell, apps, life span."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import Scope

from groundwell import __version__
from groundwell.apps.ask import conversation_routes
from groundwell.apps.ask import routes as ask_routes
from groundwell.apps.context import routes as context_routes
from groundwell.apps.evals import routes as evals_routes
from groundwell.apps.health import routes as health_routes
from groundwell.apps.library import collection_routes
from groundwell.apps.library import routes as library_routes
from groundwell.apps.search import routes as search_routes
from groundwell.services import Limits, Services
from groundwell.web.auth import Authenticator
from groundwell.web.errors import PROBLEM_TYPE, Problem, install_error_handlers
from groundwell.web.guard import RequestGuard

_PROBLEMS: dict[int | str, dict[str, object]] = {
    "4XX": {"model": Problem, "description": "The request is at fault."},
    "5XX": {"model": Problem, "description": "The server, or a part it needs, is at fault."},
}


class _Application(FastAPI):
    """Tells in the OpenAPI document that errors are problem details, which FastAPI cannot."""

    def openapi(self) -> dict[str, Any]:
        """The document, made at the first call."""
        if self.openapi_schema is None:
            for methods in super().openapi()["paths"].values():
                for operation in methods.values():
                    for status in _PROBLEMS:
                        content = operation["responses"][status]["content"]
                        content[PROBLEM_TYPE] = content.pop("application/json")
        return super().openapi()


def create_app(opening: AbstractAsyncContextManager[Services]) -> FastAPI:
    """The ASGI application. `opening` yields the services for as long as the server runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opening as services:
            app.state.services = services
            app.state.authenticator = Authenticator(services.database, services.key_pepper)
            yield

    app = _Application(
        title="Groundwell",
        summary="A RAG server that proves its answers.",
        version=__version__,
        lifespan=lifespan,
        redoc_url=None,
        responses=_PROBLEMS,
    )
    install_error_handlers(app)
    app.add_middleware(RequestGuard, authenticator=_authenticator, limits=_limits)
    app.include_router(health_routes.router)
    app.include_router(search_routes.router)
    app.include_router(context_routes.router)
    app.include_router(ask_routes.router)
    # Twice: under the product's own prefix, and at the short addresses of older clients.
    for prefix in ("/api/v1", ""):
        app.include_router(library_routes.router, prefix=prefix)
        app.include_router(conversation_routes.router, prefix=prefix)
    app.include_router(collection_routes.router, prefix="/api/v1")
    app.include_router(evals_routes.router, prefix="/api/v1")
    return app


def _authenticator(scope: Scope) -> Authenticator:
    authenticator: Authenticator = scope["app"].state.authenticator
    return authenticator


def _limits(scope: Scope) -> Limits:
    services: Services = scope["app"].state.services
    return services.limits
