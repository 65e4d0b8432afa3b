"""What is refused before its body is read, because it could not be kept."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from groundwell.domain.errors import GroundwellError, StorageFullError
from groundwell.services import Services
from groundwell.web.errors import problem_of, problem_response
from groundwell.web.upload_addresses import ANNOUNCEMENTS, FORMS, takes_bytes

_INTAKE = frozenset({*FORMS, ANNOUNCEMENTS, "/api/v1/documents/batch", "/documents/batch"})


class IntakeGate:
    """ASGI middleware behind the guard, which has checked the credential and the length.

    It asks the database and the disk before an upload. A client that sends 100 MB to a server that
    cannot keep them so learns it at once.
    """

    def __init__(self, app: ASGIApp, services: Callable[[Scope], Services]) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it."""
        if scope["type"] == "http" and _brings_documents(scope):
            try:
                await _check(self._services(scope), Headers(scope=scope))
            except GroundwellError as error:
                problem = problem_of(error, str(scope["groundwell.request_id"]))
                await problem_response(problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _brings_documents(scope: Scope) -> bool:
    if scope["method"] == "PUT":
        return takes_bytes(scope["path"])
    return scope["method"] == "POST" and scope["path"] in _INTAKE


async def _check(services: Services, headers: Headers) -> None:
    length = headers.get("content-length", "0")
    if not await services.room.is_enough(int(length) if length.isdecimal() else 0):
        raise StorageFullError(
            "There is too little room on the server's disk for new documents. What is there can "
            "still be searched."
        )
    await services.database.ensure_available()
