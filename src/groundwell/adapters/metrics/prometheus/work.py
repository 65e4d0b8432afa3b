"""What workers count as well as servers: calls of models elsewhere, circuits, the process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from groundwell.ports.metrics import Sample, WorkerSamples

_PROCESS = "process"


def list_samples(registry: CollectorRegistry) -> list[Sample]:
    """All samples, as another process can tell them."""
    return [
        Sample(family.name, sample.name, dict(sample.labels), sample.value)
        for family in registry.collect()
        for sample in family.samples
    ]


class OfAllProcesses(Collector):
    """The families of this process, and in each of them the workers' samples.

    The text format wants all samples of a family in one place. A worker's have the label
    `process`. A family that this release does not know is left out.
    """

    def __init__(self, own: CollectorRegistry, workers: Sequence[WorkerSamples]) -> None:
        self._own = own
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        """The families."""
        for family in self._own.collect():
            for worker in self._workers:
                for sample in worker.samples:
                    if sample.family == family.name:
                        labels = {**sample.labels, _PROCESS: worker.process}
                        family.add_sample(sample.name, labels, sample.value)
            yield family
