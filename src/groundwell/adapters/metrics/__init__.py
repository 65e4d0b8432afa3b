"""Metrics for monitors."""
