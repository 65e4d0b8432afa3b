"""Ingestion: from accepted bytes to searchable chunks."""
