"""How many connections the system lets the server have."""

from __future__ import annotations

import sys
from contextlib import suppress

_MOST_CONNECTIONS = 10_000
_MOST_FILES = 65_536
# The rest is for the database, the files that are uploaded and downloaded, and the libraries.
_SHARE_OF_CONNECTIONS = 0.75


def most_connections() -> int:
    """Raise the process's limit on open files, and return the connections that fit into it.

    A server without a free file descriptor can let nobody in any more, and the usual limit, 1,024,
    is soon reached.
    """
    if sys.platform == "win32":
        return _MOST_CONNECTIONS
    import resource  # noqa: PLC0415 - Unix only

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(_MOST_CONNECTIONS, int(allowed * _SHARE_OF_CONNECTIONS))
