"""What every error of the server looks like."""

from __future__ import annotations

from typing import Any

import httpx

from groundwell.web.errors import PROBLEM_TYPE, SHORT_PROBLEMS

FIELDS = {"type", "title", "status", "detail", "instance", "code", "message", "fallback_used"} | {
    "state",
    "retry_after",
}


def problem_in(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert set(problem) >= FIELDS
    assert problem["status"] == status
    assert problem["message"] == problem["detail"]
    assert problem["instance"] == response.headers["x-request-id"]
    assert problem["fallback_used"] is False
    assert len(response.content) < 10_000
    return problem


SHORT_FIELDS = {"status", "message", "fallback_used", "retry_after", "code", "correlation_id"}


def short_problem_in(response: httpx.Response, status: int) -> dict[str, Any]:
    """The same in the form of the older contract."""
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "application/json"
    problem: dict[str, Any] = response.json()
    assert set(problem) == SHORT_FIELDS
    assert (problem["status"], problem["fallback_used"]) == ("error", False)
    assert problem["correlation_id"] == response.headers["x-request-id"]
    return problem


def problem_type_of(path: str) -> str:
    """The content type of errors at an address."""
    return "application/json" if path in SHORT_PROBLEMS else PROBLEM_TYPE


def any_problem_in(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem, in the form that the address has."""
    is_short = response.url.path in SHORT_PROBLEMS
    return short_problem_in(response, status) if is_short else problem_in(response, status)
