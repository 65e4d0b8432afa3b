"""Errors as problem details (RFC 9457), with the fields that all clients of Groundwell know."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from groundwell.domain.errors import BudgetExceededError, GroundwellError, QuotaExceededError
from groundwell.web.allowed_methods import allowed_methods
from groundwell.web.json_body import (
    NESTED_TOO_DEEPLY,
    REPEATED_NAME,
    TOO_MANY_NAMES,
    TOO_MANY_TOGETHER,
    TOO_MANY_VALUES,
)
from groundwell.web.problems import MOST_FIELD_PROBLEMS, FieldProblem, Problem, QuotaProblem

PROBLEM_TYPE = "application/problem+json"
SHORT_PROBLEMS = frozenset({"/api/chat/generate-questions"})
"""Addresses whose contract is older than the server, and has an error form of its own."""

_log = logging.getLogger(__name__)


class UnsupportedMediaTypeError(GroundwellError):
    """The request's content type is not one that this address reads."""

    status = 415
    default_code = "unsupported_media_type"
    title = "Unsupported media type"


class RequestTimeoutError(GroundwellError):
    """The request did not arrive in time."""

    status = 408
    default_code = "request_timeout"
    title = "Too slow"


class HeadersTooLargeError(GroundwellError):
    """Address and headers together are over the limit."""

    status = 431
    default_code = "headers_too_large"
    title = "Headers too large"


def problem_of(error: GroundwellError, request_id: str) -> Problem:
    """The problem document of one of our own errors."""
    quota = None
    if isinstance(error, QuotaExceededError):
        quota = QuotaProblem(name=error.quota, limit=error.limit, used=error.used)
    elif isinstance(error, BudgetExceededError):
        quota = QuotaProblem(name="tokens", limit=error.limit, used=error.used)
    return Problem(
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=request_id,
        code=error.code,
        message=error.detail,
        retry_after=error.retry_after_seconds,
        quota=quota,
    )


def problem_response(problem: Problem, *, closes: bool = False) -> Response:
    """A response that carries the problem.

    With `closes` the connection ends with it, because the rest of the request will not be read
    (RFC 9112, section 9.6).
    """
    # The last resort for unexpected errors stands outside the guard, which marks all else.
    headers = {"X-Request-ID": problem.instance, "X-Content-Type-Options": "nosniff"}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if closes:
        headers["Connection"] = "close"
    return _ProblemResponse(problem, headers)


class _ProblemResponse(Response):
    """A problem in the form that the clients of its address know."""

    def __init__(self, problem: Problem, headers: dict[str, str]) -> None:
        body = orjson.dumps(problem.document())
        super().__init__(body, problem.status, headers, PROBLEM_TYPE)
        self._problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if scope["path"] in SHORT_PROBLEMS:
            self.body = orjson.dumps(self._problem.short().model_dump())
            self.headers["Content-Length"] = str(len(self.body))
            self.headers["Content-Type"] = "application/json"
        await super().__call__(scope, receive, send)


def install_error_handlers(app: FastAPI) -> None:
    """Make every error of the app a problem document."""
    app.add_exception_handler(GroundwellError, _on_groundwell_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_unexpected)


def _answer(request: Request, problem: Problem) -> Response:
    """The response; its code is noted for whoever counts and logs requests."""
    request.scope["groundwell.code"] = problem.code
    return problem_response(problem)


def request_id_of(request: Request) -> str:
    """The id that the guard gave the request."""
    return str(request.scope.get("groundwell.request_id", ""))


async def _on_groundwell_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GroundwellError)
    return _answer(request, problem_of(error, request_id_of(request)))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_field_problem(item) for item in error.errors()[:MOST_FIELD_PROBLEMS]]
    is_unreadable = any(problem.code == "json_invalid" for problem in problems)
    first = problems[0]
    if first.pointer == "/body" and not is_unreadable and not _claims_json(request):
        return _answer(request, problem_of(_not_json(), request_id_of(request)))
    detail = f"{first.pointer or 'The request'}: {first.message}."
    if is_unreadable:
        detail = _unreadable(error.errors())
    problem = Problem(
        title="Unreadable request" if is_unreadable else "Invalid request",
        status=400 if is_unreadable else 422,
        detail=detail,
        instance=request_id_of(request),
        code="invalid_json" if is_unreadable else "validation_failed",
        message=detail,
        errors=problems,
    )
    return _answer(request, problem)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code = "too_large" if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else _code(status)
    detail = _DETAILS.get(status, f"{error.detail}.")
    problem = Problem(
        title=status.phrase,
        status=status,
        detail=detail,
        instance=request_id_of(request),
        code=code,
        message=detail,
    )
    response = _answer(request, problem)
    response.headers.update(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        # The router knows the methods of one route, and each method is a route of its own.
        allowed = allowed_methods(request.app, request.url.path)
        if allowed is not None:
            response.headers["Allow"] = allowed
    return response


async def _on_unexpected(request: Request, error: Exception) -> Response:
    # The guard has gone home: the line has to be told whose it is.
    fields = {"request_id": request_id_of(request)}
    _log.error("a request failed", extra=fields, exc_info=error)
    detail = "An error that nobody expected. Its trace is in the server's log under this id."
    problem = Problem(
        title=GroundwellError.title,
        status=500,
        detail=detail,
        instance=request_id_of(request),
        code=GroundwellError.default_code,
        message=detail,
    )
    return _answer(request, problem)


# The names of a hostile body's fields can be long.
_POINTER_CHARACTERS = 200
_POINTER_PARTS = 8
# The library's words for these repeat a part of what was sent, or speak of its insides.
_MESSAGES = {
    "uuid_parsing": "Input should be a valid UUID",
    "value_error": "Input should be a file",
}

_UNREADABLE = {
    NESTED_TOO_DEEPLY: "The body is nested too deeply.",
    TOO_MANY_VALUES: "The body holds more than a million values.",
    TOO_MANY_TOGETHER: "The body holds more than 100,000 values in one element.",
    TOO_MANY_NAMES: "An object of the body has more than 20,000 names.",
    REPEATED_NAME: "A name stands twice in one object of the body.",
}

_DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is larger than allowed.",
    HTTPStatus.BAD_REQUEST: "The body could not be read: it is not what its content type says.",
}


def _code(status: HTTPStatus) -> str:
    return status.phrase.lower().replace(" ", "_").replace("-", "_")


def _claims_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _not_json() -> UnsupportedMediaTypeError:
    return UnsupportedMediaTypeError(
        "Send the body as JSON, with the header Content-Type: application/json."
    )


def _field_problem(item: dict[str, Any]) -> FieldProblem:
    place: Sequence[str | int] = item.get("loc", ())
    code = str(item.get("type", "invalid"))
    return FieldProblem(
        pointer=_pointer(place),
        code=code,
        message=_MESSAGES.get(code) or str(item.get("msg", "Invalid value")),
    )


def _unreadable(errors: Sequence[Any]) -> str:
    told = {item.get("ctx", {}).get("error") for item in errors}
    found = (sentence for message, sentence in _UNREADABLE.items() if message in told)
    return next(
        found, "The body is not valid JSON. NaN, Infinity, lone surrogates and NUL are refused."
    )


def _pointer(place: Sequence[str | int]) -> str:
    parts = [f"/{_escape(part)}" for part in place[:_POINTER_PARTS]]
    if len(place) > _POINTER_PARTS:
        parts.append("/…")
    return "".join(parts)[:_POINTER_CHARACTERS]


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
