"""Adapters of the job engine port."""
