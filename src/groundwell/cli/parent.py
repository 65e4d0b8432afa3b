"""Processes that end with the one that started them."""

from __future__ import annotations

import asyncio
import os

_POLL_SECONDS = 1.0


async def wait_until_orphaned(parent: int) -> None:
    """Return once `parent` is no longer the process that started this one.

    What was killed cannot stop what it started: that notices by itself.
    """
    while os.getppid() == parent:  # noqa: ASYNC110 - no event tells of a parent's death
        await asyncio.sleep(_POLL_SECONDS)
