"""Metrics in the text format of Prometheus."""

from groundwell.adapters.metrics.prometheus.metrics import PrometheusMetrics

__all__ = ["PrometheusMetrics"]
