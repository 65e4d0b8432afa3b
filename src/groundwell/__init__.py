"""Groundwell: a self-hosted RAG server that proves its answers."""

from importlib.metadata import version

__version__ = version("groundwell")
