"""Parts of a worker that live and end together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_until_one_ends(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all of them. When the first has ended, with or without an error, end the others.

    Not an `asyncio.TaskGroup`: in Python 3.11, a member that fails when its block has been left
    marks the task around it as cancelled, for good. Raises ExceptionGroup with the errors of the
    parts, those included that came of ending them.
    """
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    errors = [error for error in ended if isinstance(error, Exception)]
    if errors:
        raise ExceptionGroup("parts of a worker failed", errors)
