"""Where files come in, for what has to know it before a route is found."""

from __future__ import annotations

FORMS = frozenset({"/api/v1/documents", "/documents"})
"""Files in a form."""

ANNOUNCEMENTS = "/api/v1/uploads"
"""Files that are announced; their bytes go to an address beneath it."""


def takes_bytes(path: str) -> bool:
    """Whether a body sent there is the bytes of an announced file and nothing else."""
    return path.startswith(f"{ANNOUNCEMENTS}/") and path.endswith("/content")
