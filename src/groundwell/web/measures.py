"""Telling in headers what a body has no field for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import Response


def tell_measures(
    response: Response, timings_ms: Mapping[str, float], degraded: Sequence[str]
) -> None:
    """Set `Server-Timing` (W3C Server Timing), and `Groundwell-Degraded` if parts were away."""
    if timings_ms:
        measures = (f"{stage};dur={ms:.3f}" for stage, ms in timings_ms.items())
        response.headers["Server-Timing"] = ", ".join(measures)
    if degraded:
        response.headers["Groundwell-Degraded"] = ", ".join(degraded)
