"""The form of an error: problem documents, and the short form of an older contract."""

from __future__ import annotations

import httpx
import pytest
from tests.apps.problems import problem_in, short_problem_in
from tests.conftest import Tenant

from groundwell.domain.errors import UnavailableError
from groundwell.web.errors import problem_of, problem_response

QUESTIONS = "/api/chat/generate-questions"


async def test_an_error_has_the_four_fields_of_older_clients_even_when_nothing_goes_away(
    tenant: Tenant,
) -> None:
    problem = problem_in(await tenant.http.get("/nowhere"), 404)
    told = [problem[name] for name in ("state", "message", "fallback_used", "retry_after")]
    assert told == ["error", problem["detail"], False, None]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": "Bearer wrong"}, 401, "unauthenticated"),
        ({"X-Tall": "x" * 70_000}, 431, "headers_too_large"),
    ],
    ids=["a wrong key", "too large headers"],
)
async def test_errors_at_the_older_address_have_its_form_wherever_they_arise(
    tenant: Tenant, headers: dict[str, str], status: int, code: str
) -> None:
    response = await tenant.http.post(QUESTIONS, json={}, headers=headers)
    assert short_problem_in(response, status)["code"] == code
    assert int(response.headers["content-length"]) == len(response.content)


async def test_the_older_form_says_when_to_come_back() -> None:
    away = UnavailableError("Service temporarily unavailable", retry_after_seconds=30)
    transport = httpx.ASGITransport(app=problem_response(problem_of(away, "abc")))
    async with httpx.AsyncClient(transport=transport, base_url="http://any.test") as client:
        response = await client.post(QUESTIONS)
    assert response.headers["retry-after"] == "30"
    assert response.json() == {
        "status": "error",
        "message": "Service temporarily unavailable",
        "fallback_used": False,
        "retry_after": 30,
        "code": "unavailable",
        "correlation_id": "abc",
    }
