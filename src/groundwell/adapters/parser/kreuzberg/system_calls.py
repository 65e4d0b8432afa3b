"""The system calls that the child gives up: seccomp, with a filter in classic BPF.

`struct seccomp_data` and the actions are those of seccomp(2). A call on the list answers EPERM;
another processor's calls end the child.
"""

from __future__ import annotations

import errno
import os
import platform
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LOAD = 0x20
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_AT_LEAST = 0x35
_JUMP_IF_ANY_BIT = 0x45
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000
_OFFSET_NUMBER = 0
_OFFSET_ARCHITECTURE = 4
_OFFSET_FIRST_ARGUMENT = 16
_OFFSET_SECOND_ARGUMENT = 24
_X32_BIT = 0x40000000
_CLONE_THREAD = 0x00010000
_DATAGRAM = 2

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# By name, the numbers for x86_64 and aarch64 from the kernel's system call tables; None where there
# is no such call.
_DENIED: Mapping[str, tuple[int | None, int | None]] = {
    # The network. io_uring opens sockets without calling socket.
    "socket": (41, 198),
    "connect": (42, 203),
    "io_uring_setup": (425, 425),
    # Other programs, and other processes: their memory, files, signals, namespaces, shared memory.
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "chroot": (161, 51),
    # Large pieces of the kernel that no parser needs, and files by handle instead of by name.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "open_by_handle_at": (304, 265),
    # The older ways of starting a process.
    "fork": (57, None),
    "vfork": (58, None),
}
# Threads are started by clone with a flag. clone3 hides its flags from a filter: told that there
# is no such call, the C library takes clone.
_CLONE = (56, 220)
_CLONE3 = (435, 435)
# Stays for streams: the runtime inside kreuzberg wakes itself with one. A socket of datagrams could
# send to any other that has a name.
_SOCKETPAIR = (53, 199)
# Of these, the first argument is a process: only the child itself is one that it may name.
_OWN_PROCESS_ONLY = {"tgkill": (234, 131), "prlimit64": (302, 261)}


@dataclass(frozen=True, slots=True)
class _Step:
    """One instruction. The targets of a jump are labels; an empty one is the next instruction."""

    code: int
    value: int
    if_true: str = ""
    if_false: str = ""
    label: str = ""


def make_filter() -> bytes | None:
    """Return the filter for this process on this processor; None where none is known."""
    machine = platform.machine()
    architecture = _ARCHITECTURES.get(machine)
    if architecture is None:
        return None
    place = list(_ARCHITECTURES).index(machine)
    denied = [numbers[place] for numbers in _DENIED.values()]
    checks = [
        *(_Step(_JUMP_IF_EQUAL, number, "eperm") for number in denied if number is not None),
        _Step(_JUMP_IF_EQUAL, _CLONE3[place], "enosys"),
        _Step(_JUMP_IF_EQUAL, _CLONE[place], "is it a thread"),
        _Step(_JUMP_IF_EQUAL, _SOCKETPAIR[place], "is it a stream"),
        *(
            _Step(_JUMP_IF_EQUAL, numbers[place], "is it me")
            for numbers in _OWN_PROCESS_ONLY.values()
        ),
    ]
    return _assemble(
        [
            _Step(_LOAD, _OFFSET_ARCHITECTURE),
            _Step(_JUMP_IF_EQUAL, architecture, "known"),
            _Step(_RETURN, _KILL),
            _Step(_LOAD, _OFFSET_NUMBER, label="known"),
            # The x32 twins of all calls would pass a filter that compares numbers.
            _Step(_JUMP_IF_AT_LEAST, _X32_BIT, "eperm"),
            *checks,
            _Step(_RETURN, _ALLOW),
            _Step(_LOAD, _OFFSET_FIRST_ARGUMENT, label="is it a thread"),
            _Step(_JUMP_IF_ANY_BIT, _CLONE_THREAD, "allow", "eperm"),
            _Step(_LOAD, _OFFSET_SECOND_ARGUMENT, label="is it a stream"),
            _Step(_JUMP_IF_ANY_BIT, _DATAGRAM, "eperm", "allow"),
            _Step(_LOAD, _OFFSET_FIRST_ARGUMENT, label="is it me"),
            _Step(_JUMP_IF_EQUAL, 0, "allow"),
            _Step(_JUMP_IF_EQUAL, os.getpid(), "allow", "eperm"),
            _Step(_RETURN, _ALLOW, label="allow"),
            _Step(_RETURN, _ERRNO | errno.EPERM, label="eperm"),
            _Step(_RETURN, _ERRNO | errno.ENOSYS, label="enosys"),
        ]
    )


def _assemble(steps: Sequence[_Step]) -> bytes:
    """Write the program; a jump counts the instructions that it leaves out, forwards only."""
    places = {step.label: place for place, step in enumerate(steps) if step.label}

    def distance(place: int, target: str) -> int:
        return places[target] - place - 1 if target else 0

    return b"".join(
        struct.pack(
            "=HBBI",
            step.code,
            distance(place, step.if_true),
            distance(place, step.if_false),
            step.value,
        )
        for place, step in enumerate(steps)
    )
