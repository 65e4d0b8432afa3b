"""What the database tells of all processes, as families of metrics."""

from __future__ import annotations

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from groundwell.ports.metrics import SharedState


def shared_families(shared: SharedState | None) -> list[Metric]:
    """The families; without the database, only the one that says so."""
    is_there = GaugeMetricFamily(
        "groundwell_database_up",
        "Whether the database answered when this was asked.",
        value=shared is not None,
    )
    if shared is None:
        return [is_there]
    depths = GaugeMetricFamily(
        "groundwell_queue_jobs", "Jobs in a queue, of all processes.", labels=("queue", "state")
    )
    for depth in shared.depths:
        depths.add_metric((depth.queue, depth.state), depth.jobs)
    jobs = CounterMetricFamily(
        "groundwell_jobs", "Attempts at jobs, of all processes.", labels=("kind", "outcome")
    )
    seconds = CounterMetricFamily(
        "groundwell_job_seconds",
        "Time that attempts at jobs took, of all processes.",
        labels=("kind", "outcome"),
    )
    for outcome in shared.outcomes:
        labels = (outcome.kind, outcome.outcome)
        jobs.add_metric(labels, outcome.jobs)
        seconds.add_metric(labels, outcome.seconds)
    accuracy = GaugeMetricFamily(
        "retrieval_accuracy_score", "The nDCG@10 of the newest evaluation that is complete."
    )
    if shared.accuracy is not None:
        accuracy.add_metric((), shared.accuracy)
    return [is_there, depths, jobs, seconds, accuracy]
