"""Groundwell: a self-hosted RAG server that proves its answers."""

__version__ = "0.1.0"
