"""The web application: shell, apps, life span."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from starlette.types import Scope

from groundwell import __version__
from groundwell.apps.ask import conversation_routes
from groundwell.apps.ask import routes as ask_routes
from groundwell.apps.audit import routes as audit_routes
from groundwell.apps.config import routes as config_routes
from groundwell.apps.context import routes as context_routes
from groundwell.apps.evals import routes as evals_routes
from groundwell.apps.health import routes as health_routes
from groundwell.apps.holdings import routes as holdings_routes
from groundwell.apps.keys import routes as keys_routes
from groundwell.apps.library import announced_routes, collection_routes, job_routes
from groundwell.apps.library import routes as library_routes
from groundwell.apps.metrics import routes as metrics_routes
from groundwell.apps.quiz import routes as quiz_routes
from groundwell.apps.quiz.remembered import QuizMemory
from groundwell.apps.search import routes as search_routes
from groundwell.apps.usage import routes as usage_routes
from groundwell.apps.users import routes as users_routes
from groundwell.apps.webhooks import routes as webhooks_routes
from groundwell.domain.proxies import TrustedProxies
from groundwell.ports.metrics import Metrics
from groundwell.services import Services
from groundwell.web.admission import Admission
from groundwell.web.auth import Authenticator
from groundwell.web.closing import Closing
from groundwell.web.errors import install_error_handlers
from groundwell.web.failed_attempts import FailedAttempts
from groundwell.web.forwarded import Forwarded
from groundwell.web.gate import Gate
from groundwell.web.guard import RequestGuard
from groundwell.web.intake_gate import IntakeGate
from groundwell.web.openapi import complete
from groundwell.web.operator import Operator
from groundwell.web.readiness import Readiness
from groundwell.web.refusals import Refusals
from groundwell.web.request_limiter import RequestLimiter
from groundwell.web.request_meter import RequestMeter


class _Application(FastAPI):
    """Tells in the OpenAPI document what FastAPI does not know: errors, headers, rules of JSON."""

    def openapi(self) -> dict[str, Any]:
        """The document, made at the first call."""
        if self.openapi_schema is None:
            complete(super().openapi())
        return super().openapi()


def create_app(
    opening: AbstractAsyncContextManager[Services], closing: Closing | None = None
) -> FastAPI:
    """The ASGI application. `opening` yields the services for as long as the server runs.

    `closing` tells when it is about to stop; without one, nobody does.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opening as services:
            _put_into_state(app, services)
            app.state.refusals = refusals = Refusals(services.database)
            noting = asyncio.ensure_future(refusals.run())
            if services.is_for_learners:
                await app.state.quiz.workbench.start()
            try:
                yield
            finally:
                noting.cancel()
                with suppress(asyncio.CancelledError):
                    await noting
                await app.state.quiz.close()

    app = _Application(
        title="Groundwell",
        summary="A RAG server that proves its answers.",
        version=__version__,
        lifespan=lifespan,
        redoc_url=None,
        # Nobody signs in by OAuth here: the page would only be one more address to guard.
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.closing = closing or Closing()
    install_error_handlers(app)
    app.add_middleware(IntakeGate, services=_services)
    app.add_middleware(Gate, admission=_admission)
    app.add_middleware(
        RequestGuard, authenticator=_authenticator, limiter=_limiter, services=_services
    )
    app.add_middleware(RequestMeter, metrics=_metrics, refusals=_refusals)
    app.add_middleware(Forwarded, proxies=_proxies)
    _include_routers(app)
    return app


def _put_into_state(app: FastAPI, services: Services) -> None:
    """What requests need besides the services, made of them."""
    app.state.services = services
    app.state.authenticator = Authenticator(
        services.database,
        services.key_pepper,
        services.access,
        services.tokens,
        FailedAttempts(services.allowances.table.failed_authentications, services.metrics),
    )
    app.state.limiter = RequestLimiter(
        services.allowances.table,
        services.allowances.limiter,
        services.allowances.substitute,
        services.metrics,
    )
    app.state.admission = Admission(services.limits)
    app.state.operator = Operator(services.database)
    app.state.readiness = Readiness(services, app.state.closing)
    app.state.quiz = QuizMemory()


def _include_routers(app: FastAPI) -> None:
    app.include_router(health_routes.router)
    app.include_router(metrics_routes.router)
    app.include_router(search_routes.router)
    app.include_router(context_routes.router)
    app.include_router(ask_routes.router)
    app.include_router(quiz_routes.router)
    # Twice: under the product's own prefix, and at the short addresses of older clients.
    for prefix in ("/api/v1", ""):
        app.include_router(library_routes.router, prefix=prefix)
        app.include_router(conversation_routes.router, prefix=prefix)
    app.include_router(collection_routes.router, prefix="/api/v1")
    app.include_router(collection_routes.pack_router, prefix="/api/v1")
    app.include_router(job_routes.router, prefix="/api/v1")
    app.include_router(announced_routes.router, prefix="/api/v1")
    app.include_router(evals_routes.router, prefix="/api/v1")
    app.include_router(holdings_routes.router, prefix="/api/v1")
    app.include_router(users_routes.router, prefix="/api/v1")
    app.include_router(keys_routes.router, prefix="/api/v1")
    app.include_router(usage_routes.router, prefix="/api/v1")
    app.include_router(audit_routes.router, prefix="/api/v1")
    app.include_router(config_routes.router, prefix="/api/v1")
    app.include_router(webhooks_routes.router, prefix="/api/v1")


def _authenticator(scope: Scope) -> Authenticator:
    authenticator: Authenticator = scope["app"].state.authenticator
    return authenticator


def _limiter(scope: Scope) -> RequestLimiter:
    limiter: RequestLimiter = scope["app"].state.limiter
    return limiter


def _admission(scope: Scope) -> Admission:
    admission: Admission = scope["app"].state.admission
    return admission


def _services(scope: Scope) -> Services:
    services: Services = scope["app"].state.services
    return services


def _proxies(scope: Scope) -> TrustedProxies:
    return _services(scope).access.trusted_proxies


def _refusals(scope: Scope) -> Refusals:
    refusals: Refusals = scope["app"].state.refusals
    return refusals


def _metrics(scope: Scope) -> Metrics:
    return _services(scope).metrics
