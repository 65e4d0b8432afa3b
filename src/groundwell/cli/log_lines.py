"""The lines of the log: which fields they may have, and what is kept out of them.

A line is made of a sentence that stands in the code, ids and numbers. What a person wrote, a
document or a provider said, never belongs there: an exception is told by its type and its place,
since its message could hold any of it (CWE-532). What is no character to be printed is escaped, so
that nobody can make up lines or command a terminal (CWE-117).
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote

from structlog.typing import EventDict, Processor

from groundwell.domain.origin import current_origin

FIELDS = (
    "method",
    "route",
    "status",
    "code",
    "duration_ms",
    "job_kind",
    "outcome",
    "address",
    "version",
)
"""What a line may tell beside time, level, logger, event, where the work came from and a trace."""

_OWN = "groundwell"
_MOST_FRAMES = 40
_MOST_CHARACTERS = 500
_LEAST_SECRET = 6
_API_KEY = re.compile(r"gw_[0-9a-f]{16}_[0-9a-f]{64}")
_USER_INFO = re.compile(r"://[^/\s@]+@")
_HIDDEN = "[hidden]"


def make_line(_: object, __: str, given: EventDict) -> EventDict:
    """A processor for structlog: everything that a line may have, in order, and nothing else."""
    record: logging.LogRecord = given["_record"]
    origin = current_origin()
    line: EventDict = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _event(record.name, given["event"]),
    }
    # A line may be written after its request, which then says itself what it was.
    told = given if given["_from_structlog"] else record.__dict__
    for name, value in (
        ("request_id", told.get("request_id", origin.request_id)),
        ("tenant", told.get("tenant", origin.tenant)),
        ("user", told.get("user", origin.user)),
        ("job", origin.job),
    ):
        if value is not None:
            line[name] = str(value)
    for name in FIELDS:
        if (value := told.get(name)) is not None:
            line[name] = value if isinstance(value, int | float) else _short(str(value))
    if error := given.get("exc_info"):
        line["exception"] = describe_exception(error[1])
    return line


def describe_exception(error: BaseException | None) -> str:
    """Types and places of an exception and its causes, the oldest first; never the messages."""
    parts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
        places = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        kind = type(error)
        parts.append("\n".join([f"{kind.__module__}.{kind.__qualname__}", *places]))
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)
    return "\n".join(reversed(parts))


def render_json(_: object, __: str, line: EventDict) -> str:
    """One JSON object in ASCII: every other character is escaped, and so is DEL."""
    return json.dumps(line).replace("\x7f", "\\u007f")


def escape(_: object, __: str, line: EventDict) -> EventDict:
    """For people: escape what cannot be printed. An exception keeps its lines: they are ours."""
    for name, value in line.items():
        if isinstance(value, str) and name != "exception" and not value.isprintable():
            line[name] = "".join(map(_visible, value))
    return line


class Redaction:
    """The last look at a line: secrets that are set, API keys, and credentials in addresses.

    Nothing should put them there. This is for the day that something does.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        long = {secret for secret in secrets if len(secret) >= _LEAST_SECRET}
        forms = {form for text in long for form in (text, json.dumps(text)[1:-1], quote(text))}
        # The longest first: one secret may be a part of another.
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, _HIDDEN)
        if "gw_" in text:
            text = _API_KEY.sub(_HIDDEN, text)
        if "://" in text:
            text = _USER_INFO.sub(f"://{_HIDDEN}@", text)
        return text

    def behind(self, render: Processor) -> Processor:
        """A renderer whose lines are looked at."""

        def rendered(logger: object, name: str, line: EventDict) -> str:
            return self(str(render(logger, name, line)))

        return rendered


def _event(logger: str, event: object) -> str:
    text = str(event)
    # Libraries put representations of what they handled behind their first line.
    is_own = logger == _OWN or logger.startswith(f"{_OWN}.")
    return _short(text if is_own else text.partition("\n")[0])


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()
