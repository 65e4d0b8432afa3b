"""The queues of jobs."""

from __future__ import annotations

from enum import StrEnum


class Queue(StrEnum):
    """Where jobs wait: files to be read, texts to be embedded, calls, deadlines, and the rest."""

    INGESTION = "ingestion"
    EMBEDDING = "embedding"
    CALLBACKS = "callbacks"
    UPLOADS = "uploads"
    MAINTENANCE = "maintenance"
