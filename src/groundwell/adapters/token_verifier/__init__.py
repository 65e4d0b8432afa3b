"""Adapters of the port TokenVerifier."""
