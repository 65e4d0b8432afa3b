"""What the command says while documents wait."""

from __future__ import annotations

import httpx
import pytest

from groundwell.cli.client import Client
from groundwell.cli.ingest import IngestRun, make_progress

WHY = {"reason": "retry", "message": "It is tried again soon. The embedder is away."}


def answer(request: httpx.Request) -> httpx.Response:
    """A server with one document of a difficult name, which waits."""
    if request.url.path == "/api/v1/documents":
        listed = [{"document_id": "a/b?c", "access": {"owner_id": None}}]
        is_pending = request.url.params["status"] == "pending"
        return httpx.Response(200, json={"documents": listed if is_pending else []})
    assert request.url.raw_path.startswith(b"/api/v1/documents/a/b%3Fc?")
    return httpx.Response(200, json={"waiting_for": WHY})


def test_what_keeps_documents_from_moving_is_said_once(capsys: pytest.CaptureFixture[str]):
    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://groundwell.test")
    run = IngestRun(Client(http), "notes", make_progress())
    run._tell_why(7)
    run._tell_why(6)
    said = " ".join(capsys.readouterr().err.split())
    assert said == f"7 documents wait. {WHY['message']}"
