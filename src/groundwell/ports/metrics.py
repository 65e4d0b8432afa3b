"""The metrics port."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from groundwell.domain.caching import CacheState
from groundwell.domain.circuit_breaker import Circuits
from groundwell.ports.job_engine import JobOutcome, QueueDepth


@dataclass(frozen=True, slots=True)
class Sample:
    """One number that a process counted, and the family of metrics that it belongs to."""

    family: str
    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class WorkerSamples:
    """What a worker counted. `process` tells it from others, as `host:4711`."""

    process: str
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class SharedState:
    """What all processes of an installation have in common, as the database knows it.

    `accuracy` is the nDCG@10 of the newest evaluation that is complete, None without one.
    `workers` have no address of their own where a monitor could ask them.
    """

    depths: Sequence[QueueDepth]
    outcomes: Sequence[JobOutcome]
    accuracy: float | None
    workers: Sequence[WorkerSamples] = ()


class Metrics(Protocol):
    """Counts what a server does, for whoever watches it.

    Promises: cheap enough for every request; nothing that is counted can fail a request. Names
    that come from outside (routes, methods, stages) are few, and never a text, a query, a key or
    a tenant: the caller sees to that.
    """

    def observe_request(
        self, route: str, method: str, status: int, seconds: float, code: str | None
    ) -> None:
        """Count a request. `route`: the template of the address, such as `/documents/{id}`.

        `code` is that of the error, None where there was none.
        """
        ...

    def observe_search(self, timings_ms: Mapping[str, float]) -> None:
        """Count a search by how long its stages and, as `total`, the whole took."""
        ...

    def observe_failed_search(self) -> None:
        """Count a search that ended in an error."""
        ...

    def observe_provider_call(self, provider: str, outcome: str, seconds: float) -> None:
        """Count a call of a model elsewhere. `outcome`: `ok`, or the code of the error."""
        ...

    def count_limit_hit(self, rule: str, tier: str) -> None:
        """Count a request that a limit refused. Both names come from the table of limits."""
        ...

    def count_limit_fallback(self) -> None:
        """Count a request that was judged by this process alone, since the store was away."""
        ...

    def observe_degraded(self, parts: Iterable[str]) -> None:
        """Count an answer that was made without these parts."""
        ...

    def watch_circuits(self, circuits: Circuits) -> None:
        """Report circuits; their states are read whenever somebody looks."""
        ...

    def watch_cache(self, cache: str, read_state: Callable[[], CacheState]) -> None:
        """Report a cache; its state is read whenever somebody looks."""
        ...

    def watch_first_places(self, read_share: Callable[[], float]) -> None:
        """Report the largest share of first places that a document has; read when asked for."""
        ...

    def list_samples(self) -> Sequence[Sample]:
        """What a worker counts: calls of models elsewhere, circuits, the process itself."""
        ...

    def exposition(self, shared: SharedState | None) -> tuple[bytes, str]:
        """Everything counted, in the format of the monitor, and the media type of that.

        `shared` is None when the database is away: then its part is missing, and said to be.
        """
        ...
