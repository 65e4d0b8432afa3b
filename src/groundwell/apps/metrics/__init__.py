"""Metrics for a monitor."""
