"""What every error of the server looks like."""

from __future__ import annotations

from typing import Any

import httpx

FIELDS = {"type", "title", "status", "detail", "instance", "code", "message", "fallback_used"}


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
