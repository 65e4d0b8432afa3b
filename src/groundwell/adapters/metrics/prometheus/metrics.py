"""What one process counts, and the text that a monitor reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from groundwell.adapters.metrics.prometheus.circuits import CircuitStates
from groundwell.adapters.metrics.prometheus.shared import shared_families
from groundwell.adapters.metrics.prometheus.work import OfAllProcesses, list_samples
from groundwell.domain.caching import CacheState
from groundwell.domain.circuit_breaker import Circuits
from groundwell.ports.metrics import Sample, SharedState

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_EMBEDDING = "embedding"


class PrometheusMetrics:
    """The metrics of one process, apart from those of any other server in the same process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        # What workers count too, who do not answer requests.
        self._work = CollectorRegistry()
        self._caches = _Caches()
        self._circuits = CircuitStates()
        self._registry.register(self._caches)
        self._work.register(self._circuits)
        ProcessCollector(registry=self._work)
        self._open_requests()
        self._open_limits()
        self._open_providers()

    def _open_requests(self) -> None:
        self._requests = self._counter(
            "groundwell_http_requests", "Requests answered.", "route", "method", "status"
        )
        self._problems = self._counter(
            "groundwell_http_problems", "Requests answered with an error, by its code.", "code"
        )
        self._request_seconds = self._histogram(
            "groundwell_http_request_duration_seconds",
            "Time from a request's arrival to the last byte of its answer.",
            "route",
            "method",
        )
        self._query_seconds = self._histogram(
            "query_duration_seconds", "Time of a search, within the server."
        )
        self._query_errors = self._counter("query_errors", "Searches that ended in an error.")
        self._stage_seconds = self._histogram(
            "groundwell_search_stage_duration_seconds", "Time of each stage of a search.", "stage"
        )
        self._degraded = self._counter(
            "groundwell_degraded_answers", "Answers given without a part.", "part"
        )

    def _open_limits(self) -> None:
        self._limit_hits = self._counter(
            "groundwell_limit_hits",
            "Requests that a rate limit or a quota refused.",
            "rule",
            "tier",
        )
        self._limit_fallbacks = self._counter(
            "groundwell_rate_limit_fallbacks",
            "Requests counted by this process alone, because the database did not count.",
        )

    def _open_providers(self) -> None:
        self._provider_calls = Counter(
            "groundwell_provider_calls",
            "Calls of models elsewhere.",
            ("provider", "outcome"),
            registry=self._work,
        )
        self._provider_seconds = Histogram(
            "groundwell_provider_call_duration_seconds",
            "Time of a call of a model elsewhere, to the last byte of its answer.",
            ("provider",),
            buckets=_SECONDS,
            registry=self._work,
        )

    def observe_request(
        self, route: str, method: str, status: int, seconds: float, code: str | None
    ) -> None:
        """Count a request."""
        self._requests.labels(route, method, str(status)).inc()
        self._request_seconds.labels(route, method).observe(seconds)
        if code is not None:
            self._problems.labels(code).inc()

    def observe_search(self, timings_ms: Mapping[str, float]) -> None:
        """Count a search."""
        for stage, milliseconds in timings_ms.items():
            seconds = milliseconds / 1000
            if stage == "total":
                self._query_seconds.observe(seconds)
            else:
                self._stage_seconds.labels(stage).observe(seconds)

    def observe_failed_search(self) -> None:
        """Count a search that ended in an error."""
        self._query_errors.inc()

    def observe_provider_call(self, provider: str, outcome: str, seconds: float) -> None:
        """Count a call of a model elsewhere."""
        self._provider_calls.labels(provider, outcome).inc()
        self._provider_seconds.labels(provider).observe(seconds)

    def count_limit_hit(self, rule: str, tier: str) -> None:
        """Count a refused request."""
        self._limit_hits.labels(rule, tier).inc()

    def count_limit_fallback(self) -> None:
        """Count a request that the database did not count."""
        self._limit_fallbacks.inc()

    def observe_degraded(self, parts: Iterable[str]) -> None:
        """Count an answer that was made without these parts."""
        for part in parts:
            self._degraded.labels(part).inc()

    def watch_circuits(self, circuits: Circuits) -> None:
        """Report circuits."""
        self._circuits.watched.append(circuits)

    def watch_cache(self, cache: str, read_state: Callable[[], CacheState]) -> None:
        """Report a cache."""
        self._caches.watched[cache] = read_state

    def watch_first_places(self, read_share: Callable[[], float]) -> None:
        """Report how often the document comes first that comes first most often."""
        Gauge(
            "groundwell_first_place_share",
            "Largest share of a tenant's last searches in which one document came first.",
            registry=self._registry,
        ).set_function(read_share)

    def list_samples(self) -> Sequence[Sample]:
        """What a worker counts."""
        return list_samples(self._work)

    def exposition(self, shared: SharedState | None) -> tuple[bytes, str]:
        """Everything counted, in the text format 0.0.4."""
        own = generate_latest(self._registry)
        common = CollectorRegistry()
        common.register(OfAllProcesses(self._work, () if shared is None else shared.workers))
        common.register(_Families(shared_families(shared)))
        return own + generate_latest(common), CONTENT_TYPE_PLAIN_0_0_4

    def _counter(self, name: str, sentence: str, *labels: str) -> Counter:
        return Counter(name, sentence, labels, registry=self._registry)

    def _histogram(self, name: str, sentence: str, *labels: str) -> Histogram:
        return Histogram(name, sentence, labels, buckets=_SECONDS, registry=self._registry)


class _Families(Collector):
    """Families that are made already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """The families."""
        yield from self._families


class _Caches(Collector):
    """Reads the caches when the metrics are read, so that counting costs a search nothing."""

    def __init__(self) -> None:
        self.watched: dict[str, Callable[[], CacheState]] = {}

    def collect(self) -> Iterator[Metric]:
        """The families of all caches."""
        states = {cache: read_state() for cache, read_state in self.watched.items()}
        requests = CounterMetricFamily(
            "groundwell_cache_requests", "Look-ups in a cache.", labels=("cache", "result")
        )
        entries = GaugeMetricFamily(
            "groundwell_cache_entries", "Entries in a cache.", labels=("cache",)
        )
        held = GaugeMetricFamily(
            "groundwell_cache_bytes", "Memory that a cache takes.", labels=("cache",)
        )
        for cache, state in states.items():
            requests.add_metric((cache, "hit"), state.hits)
            requests.add_metric((cache, "miss"), state.misses)
            if state.entries is not None and state.bytes is not None:
                entries.add_metric((cache,), state.entries)
                held.add_metric((cache,), state.bytes)
        yield from (requests, entries, held)
        embedding = states.get(_EMBEDDING)
        yield CounterMetricFamily(
            "embedding_cache_hits",
            "Queries whose embedding was remembered.",
            value=0 if embedding is None else embedding.hits,
        )
