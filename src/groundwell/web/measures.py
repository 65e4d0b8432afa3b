"""Telling in headers and metrics how an answer came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from groundwell.ports.metrics import Metrics

DEGRADED = "X-Degraded"
TOLD_DEGRADED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            DEGRADED: {
                "description": "Parts that were away, with commas between them.",
                "schema": {"type": "string", "minLength": 1},
            }
        }
    }
}
"""For the documentation of a route that calls `tell_degraded` or `mark_degraded`."""

TOLD_TIMINGS: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            **TOLD_DEGRADED[200]["headers"],
            "Server-Timing": {
                "description": "Milliseconds of each stage (W3C Server Timing).",
                "schema": {"type": "string", "minLength": 1},
            },
        }
    }
}
"""For the documentation of a route that calls `tell_timings` and `tell_degraded`."""


def tell_timings(response: Response, timings_ms: Mapping[str, float]) -> None:
    """Set `Server-Timing` (W3C Server Timing)."""
    if timings_ms:
        measures = (f"{stage};dur={ms:.3f}" for stage, ms in timings_ms.items())
        response.headers["Server-Timing"] = ", ".join(measures)


def tell_degraded(response: Response, metrics: Metrics, parts: Sequence[str]) -> None:
    """Set `X-Degraded`, and count the answer, if it was made without some parts."""
    mark_degraded(response, parts)
    metrics.observe_degraded(parts)


def mark_degraded(response: Response, parts: Sequence[str]) -> None:
    """Set `X-Degraded` alone, where the answer is counted at its end."""
    if parts:
        response.headers[DEGRADED] = ", ".join(parts)
