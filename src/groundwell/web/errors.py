"""Errors as problem details (RFC 9457), with the fields that all clients of Groundwell know."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from groundwell.domain.errors import GroundwellError

PROBLEM_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)


class FieldProblem(BaseModel):
    """What is wrong with one field. The rejected value is never repeated."""

    pointer: str = Field(description="Place in the request, as a JSON pointer.")
    code: str
    message: str


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = Field(description="Id of the request, also in the header X-Request-ID.")
    code: str = Field(description="Stable name of the error, for programs.")
    message: str = Field(description="The same as `detail`.")
    state: str = "error"
    fallback_used: bool = False
    retry_after: int | None = None
    errors: list[FieldProblem] | None = None


class UnsupportedMediaTypeError(GroundwellError):
    """The request's content type is not one that this address reads."""

    status = 415
    default_code = "unsupported_media_type"
    title = "Unsupported media type"


def problem_of(error: GroundwellError, request_id: str) -> Problem:
    """The problem document of one of our own errors."""
    return Problem(
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=request_id,
        code=error.code,
        message=error.detail,
        retry_after=error.retry_after_seconds,
    )


def problem_response(problem: Problem) -> Response:
    """A response that carries the problem."""
    # The last resort for unexpected errors stands outside the guard, which marks all else.
    headers = {"X-Request-ID": problem.instance, "X-Content-Type-Options": "nosniff"}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(problem.model_dump(exclude_none=True))
    return Response(body, problem.status, headers, PROBLEM_TYPE)


def install_error_handlers(app: FastAPI) -> None:
    """Make every error of the app a problem document."""
    app.add_exception_handler(GroundwellError, _on_groundwell_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_unexpected)


def request_id_of(request: Request) -> str:
    """The id that the guard gave the request."""
    return str(request.scope.get("groundwell.request_id", ""))


async def _on_groundwell_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GroundwellError)
    return problem_response(problem_of(error, request_id_of(request)))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_field_problem(item) for item in error.errors()[:_MOST_FIELD_PROBLEMS]]
    is_unreadable = any(problem.code == "json_invalid" for problem in problems)
    first = problems[0]
    if first.pointer == "/body" and not is_unreadable and not _claims_json(request):
        return problem_response(problem_of(_not_json(), request_id_of(request)))
    detail = (
        "The body is not valid JSON. NaN, Infinity, lone surrogates and NUL are refused."
        if is_unreadable
        else f"{first.pointer or 'The request'}: {first.message}."
    )
    problem = Problem(
        title="Unreadable request" if is_unreadable else "Invalid request",
        status=400 if is_unreadable else 422,
        detail=detail,
        instance=request_id_of(request),
        code="invalid_json" if is_unreadable else "validation_failed",
        message=detail,
        errors=problems,
    )
    return problem_response(problem)


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
    response = problem_response(problem)
    response.headers.update(error.headers or {})
    return response


async def _on_unexpected(request: Request, error: Exception) -> Response:
    _log.error("request %s failed", request_id_of(request), exc_info=error)
    detail = "An error that nobody expected. Its trace is in the server's log under this id."
    problem = Problem(
        title=GroundwellError.title,
        status=500,
        detail=detail,
        instance=request_id_of(request),
        code=GroundwellError.default_code,
        message=detail,
    )
    return problem_response(problem)


# A hostile body can be wrong in a million places, and the names of its fields can be long.
_MOST_FIELD_PROBLEMS = 20
_POINTER_CHARACTERS = 200
# The library's words for these repeat a part of what was sent, or speak of its insides.
_MESSAGES = {
    "uuid_parsing": "Input should be a valid UUID",
    "value_error": "Input should be a file",
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
        pointer="".join(f"/{_escape(part)}" for part in place)[:_POINTER_CHARACTERS],
        code=code,
        message=_MESSAGES.get(code) or str(item.get("msg", "Invalid value")),
    )


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
