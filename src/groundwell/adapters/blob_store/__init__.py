"""Adapters of the blob store port."""
