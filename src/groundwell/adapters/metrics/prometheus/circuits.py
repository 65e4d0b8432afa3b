"""The states of circuits, as a family of metrics."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from groundwell.domain.circuit_breaker import Circuits, CircuitState


class CircuitStates(Collector):
    """Reads the circuits when the metrics are read."""

    def __init__(self) -> None:
        self.watched: list[Circuits] = []

    def collect(self) -> Iterator[Metric]:
        """One gauge for each state of each circuit, of which one is 1."""
        family = GaugeMetricFamily(
            "groundwell_circuit_state",
            "1 for the state that the circuit of a part is in.",
            labels=("part", "target", "state"),
        )
        for circuit in (each for circuits in self.watched for each in circuits.all()):
            for state in CircuitState:
                labels = (circuit.part, circuit.target, state.value)
                family.add_metric(labels, float(circuit.state is state))
        yield family
