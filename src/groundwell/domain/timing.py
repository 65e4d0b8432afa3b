"""How long the stages of a request take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageClock:
    """Measures stages by name, in milliseconds, and the whole since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._stages[name] = (time.perf_counter() - start) * 1000

    def timings(self) -> dict[str, float]:
        """Each stage, and `total`."""
        total = (time.perf_counter() - self._start) * 1000
        return {**self._stages, "total": total}
