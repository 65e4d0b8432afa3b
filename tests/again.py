"""Run the few tests that failed beside others once more, one after the other, and name them.

Many tests have running processes, real clocks and other tests beside them. One that fails then and
passes by itself depends on time: it is named, so that somebody mends it, but lands nothing on its
own account. More than three are no accident.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

_LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
_MOST = 3


def main() -> int:
    """The exit status: 0 if few had failed, and all of them pass now."""
    failed = sorted(json.loads(_LAST_FAILED.read_text())) if _LAST_FAILED.exists() else []
    if not 0 < len(failed) <= _MOST:
        return 1
    _tell("Once more, one after the other", failed)
    status = pytest.main(["--last-failed", "--last-failed-no-failures=none"])
    if status == pytest.ExitCode.OK:
        _tell("FAILED beside others, passed alone", failed)
    return int(status)


def _tell(what: str, tests: Sequence[str]) -> None:
    sys.stdout.write("\n  ".join((f"\n{what}:", *tests)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
