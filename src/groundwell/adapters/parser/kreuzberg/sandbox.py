"""The cage that the child builds around itself before it touches the file.

Limits on memory, processor time, file size and open files; no new programs, no network, no
tracing; death with the parent. Where the system offers less than Linux does, the limits remain
and `enter_sandbox` says what is missing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys

_MAX_FILE_BYTES = 256 << 20
_MAX_OPEN_FILES = 64
_NICENESS = 5

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2

_BPF_LOAD = 0x20
_BPF_JUMP_IF_EQUAL = 0x15
_BPF_JUMP_IF_AT_LEAST = 0x35
_BPF_RETURN = 0x06
_SECCOMP_ALLOW = 0x7FFF0000
_SECCOMP_KILL = 0x80000000
_SECCOMP_ERRNO = 0x00050000
_OFFSET_NUMBER = 0
_OFFSET_ARCHITECTURE = 4
_X32_BIT = 0x40000000

# Numbers of socket, connect, execve, execveat, ptrace, process_vm_readv, process_vm_writev, kill,
# io_uring_setup (which opens sockets without calling socket), bpf, mount and unshare, from the
# kernel's system call tables. socketpair stays: the runtime inside kreuzberg wakes itself with it.
_DENIED_CALLS = {
    "x86_64": (
        0xC000003E,
        (41, 42, 59, 322, 101, 310, 311, 62, 425, 321, 165, 272),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 203, 221, 281, 117, 270, 271, 129, 425, 280, 40, 97),
    ),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def enter_sandbox(memory_bytes: int, cpu_seconds: int) -> tuple[str, ...]:
    """Give up what reading a file does not need; returns what could not be given up.

    Errors: OSError when a limit that every system offers is refused.
    """
    parent = os.getppid()
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_FSIZE, _MAX_FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    os.nice(_NICENESS)
    if sys.platform != "linux":
        return ("memory is not limited and the network is open on this system",)
    _limit(resource.RLIMIT_AS, memory_bytes)
    libc = ctypes.CDLL(None, use_errno=True)
    _prctl(libc, _PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be watched
        os._exit(1)
    return _forbid_calls(libc)


def _limit(kind: int, amount: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        amount = min(amount, hard)
    resource.setrlimit(kind, (amount, amount))


def _forbid_calls(libc: ctypes.CDLL) -> tuple[str, ...]:
    denied = _DENIED_CALLS.get(platform.machine())
    if denied is None:
        return ("the network is open: no system call filter for this processor",)
    program = _assemble(*denied)
    code = ctypes.create_string_buffer(program, len(program))
    header = _Program(len(program) // 8, ctypes.cast(code, ctypes.c_void_p))
    try:
        _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
        _prctl(libc, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header))
    except OSError as error:
        return (f"the network is open: the kernel refused the system call filter ({error})",)
    return ()


def _assemble(architecture: int, numbers: tuple[int, ...]) -> bytes:
    """Write the filter: another architecture dies, the listed calls answer EPERM."""

    def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, value)

    count = len(numbers)
    checks = [
        # The last two steps of the program are ALLOW and EPERM, in this order.
        step(_BPF_JUMP_IF_EQUAL, number, if_true=count - position)
        for position, number in enumerate(numbers)
    ]
    return b"".join(
        (
            step(_BPF_LOAD, _OFFSET_ARCHITECTURE),
            step(_BPF_JUMP_IF_EQUAL, architecture, if_true=1),
            step(_BPF_RETURN, _SECCOMP_KILL),
            step(_BPF_LOAD, _OFFSET_NUMBER),
            # The x32 twins of all calls would pass a filter that compares numbers.
            step(_BPF_JUMP_IF_AT_LEAST, _X32_BIT, if_true=count + 1),
            *checks,
            step(_BPF_RETURN, _SECCOMP_ALLOW),
            step(_BPF_RETURN, _SECCOMP_ERRNO | errno.EPERM),
        )
    )


def _prctl(libc: ctypes.CDLL, option: int, first: int, second: int = 0) -> None:
    words = [ctypes.c_ulong(word) for word in (first, second, 0, 0)]
    if libc.prctl(option, *words) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
