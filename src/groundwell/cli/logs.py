"""Logging: readable lines for a person, JSON for a machine, on stderr."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Literal
from urllib.parse import unquote, urlsplit

import structlog
from pydantic import SecretStr

from groundwell.cli.log_lines import Redaction, escape, make_line, render_json
from groundwell.settings import Settings

LogFormat = Literal["json", "text"]

# Libraries say at each request or connection what nobody asked for, and quote what they handle.
# These two tell of starts, stops and jobs, which helps whoever looks for a fault.
_TOLD_IN_DETAIL = ("uvicorn.error", "procrastinate")
_log = logging.getLogger("groundwell")


def configure_logging(settings: Settings) -> None:
    """Send all records of this process to stderr, as the settings say.

    Records of libraries count from `warning` on. What ends a process or a thread is a line too.
    """
    handler = make_handler(chosen_format(settings), sys.stderr, secrets_of(settings))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # No line tells them, and every line would pay for them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    _log.setLevel(settings.log_level.upper())
    for name in _TOLD_IN_DETAIL:
        is_detailed = settings.log_level == "debug"
        logging.getLogger(name).setLevel(logging.INFO if is_detailed else logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _on_end
    threading.excepthook = _on_end_of_thread


def make_handler(
    log_format: LogFormat, stream: IO[str], secrets: Sequence[str] = ()
) -> logging.Handler:
    """A handler that writes records as lines; `secrets` are never written."""
    redaction = Redaction(secrets)
    rendered: list[structlog.typing.Processor] = [make_line]
    if log_format == "json":
        rendered.append(redaction.behind(render_json))
    else:
        # It prints what it is given: what cannot be printed was escaped before.
        console = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            timestamp_key="time",
            exception_formatter=structlog.dev.plain_traceback,
        )
        rendered += [escape, redaction.behind(console)]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=rendered))
    return handler


def chosen_format(settings: Settings) -> LogFormat:
    """The format that the settings name; for `auto` it depends on who reads along."""
    if settings.log_format == "auto":
        return "text" if sys.stderr.isatty() else "json"
    return settings.log_format


def secrets_of(settings: Settings) -> list[str]:
    """Everything secret among the settings, the database's password by itself too."""
    values = [getattr(settings, name) for name in type(settings).model_fields]
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    if settings.database_url is not None:
        try:
            password = urlsplit(settings.database_url.get_secret_value()).password
        except ValueError:
            password = None
        if password is not None:
            secrets += [password, unquote(password)]
    return secrets


def _on_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _log.critical("the process ends by an error", exc_info=(kind, error, trace))


def _on_end_of_thread(arguments: threading.ExceptHookArgs) -> None:
    _log.error("a thread ended by an error", exc_info=arguments.exc_value)
