"""Ending a command from outside, in good order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
# What shells tell of a process that a signal ended.
_BY_SIGNAL = 128


@contextmanager
def interrupted_by_signals(
    ending: type[BaseException] = KeyboardInterrupt,
) -> Iterator[None]:
    """SIGTERM and SIGHUP raise `ending`, by default as Ctrl+C does, once.

    Whoever ends a process may send both: what is cleaned up after the first is not disturbed by
    another. A signal that is ignored stays so: `nohup` wants that.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    heard = [number for number in _SIGNALS if before[number] is not signal.SIG_IGN]

    def interrupt(number: int, frame: FrameType | None) -> None:
        del frame
        for other in heard:
            signal.signal(other, signal.SIG_IGN)
        raise ending(_BY_SIGNAL + number)

    for number in heard:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
