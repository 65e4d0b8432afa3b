"""The cage that the child builds around itself before it touches the file.

Limits on memory, processor time, file size and open files; no new processes or programs, no
network, no tracing; no files but those that it was given; death with the parent. Where the system
offers less than Linux does, the limits remain and `enter_sandbox` says what is missing.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from groundwell.adapters.parser.kreuzberg.file_access import keep_only
from groundwell.adapters.parser.kreuzberg.system_calls import make_filter

_MAX_FILE_BYTES = 256 << 20
_MAX_OPEN_FILES = 64
_NICENESS = 5

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_BYTES_PER_INSTRUCTION = 8


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def enter_sandbox(
    memory_bytes: int, cpu_seconds: int, readable: Iterable[Path], writable: Iterable[Path]
) -> tuple[str, ...]:
    """Give up what reading a file does not need; returns what could not be given up.

    Of all files, those in `readable` may still be read, and those in `writable` changed, with what
    lies below them.

    Errors: OSError when a limit that every system offers is refused.
    """
    parent = os.getppid()
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_FSIZE, _MAX_FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    os.nice(_NICENESS)
    if sys.platform != "linux":
        return ("memory is not limited, the network is open and all files can be read",)
    _limit(resource.RLIMIT_AS, memory_bytes)
    libc = ctypes.CDLL(None, use_errno=True)
    _prctl(libc, _PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be watched
        os._exit(1)
    return (
        *_count_threads(),
        *_give_up_privileges(libc),
        *keep_only(libc, readable, writable),
        *_forbid_calls(libc),
    )


def _count_threads() -> tuple[str, ...]:
    """Notice threads that are there already: the kernel does not bind them."""
    others = sum(1 for _ in Path("/proc/self/task").iterdir()) - 1
    return (f"{others} threads of an imported library are outside",) if others else ()


def _give_up_privileges(libc: ctypes.CDLL) -> tuple[str, ...]:
    try:
        _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    except OSError as error:
        return (f"new privileges can be had ({error})",)
    return ()


def _limit(kind: int, amount: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        amount = min(amount, hard)
    resource.setrlimit(kind, (amount, amount))


def _forbid_calls(libc: ctypes.CDLL) -> tuple[str, ...]:
    program = make_filter()
    if program is None:
        return ("the network is open: no system call filter for this processor",)
    code = ctypes.create_string_buffer(program, len(program))
    header = _Program(len(program) // _BYTES_PER_INSTRUCTION, ctypes.cast(code, ctypes.c_void_p))
    try:
        _prctl(libc, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header))
    except OSError as error:
        return (f"the network is open: the kernel refused the system call filter ({error})",)
    return ()


def _prctl(libc: ctypes.CDLL, option: int, first: int, second: int = 0) -> None:
    words = [ctypes.c_ulong(word) for word in (first, second, 0, 0)]
    if libc.prctl(option, *words) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
