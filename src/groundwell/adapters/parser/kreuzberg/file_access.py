"""Landlock: of all files, the child keeps those that it was given.

The rights and the three system calls are those of the kernel's document "Landlock: unprivileged
access control". A newer kernel knows more rights; all that it knows are taken, so that what is not
given here is lost.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

# The same numbers on every processor.
_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446
_ASK_FOR_VERSION = 1
_PATH_BENEATH = 1

_READ_FILE = 1 << 2
_READ_FOLDER = 1 << 3
_RIGHTS_ON_FILES = 1 << 0 | 1 << 1 | _READ_FILE | 1 << 14 | 1 << 15
_EXECUTE = 1 << 0
_MAKE_DEVICES_AND_SOCKETS = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11
_RIGHTS_OF_FIRST_VERSION = 13
# Version 2 brought moving between folders, version 3 truncating, version 5 talking to devices.
_RIGHTS_OF_LATER_VERSIONS = (2, 3, 5)
_NETWORK_SINCE, _BIND_AND_CONNECT = 4, 0b11
_SCOPES_SINCE, _ABSTRACT_SOCKETS_AND_SIGNALS = 6, 0b11


def keep_only(
    libc: ctypes.CDLL, readable: Iterable[Path], writable: Iterable[Path]
) -> tuple[str, ...]:
    """Give up all files but these, with what lies below them; returns what could not be given up.

    `readable` may be read; below `writable`, files and folders may also be made, changed and
    removed. Paths that do not exist are left out. Files that are open stay open. The process must
    have given up new privileges, and only threads that it starts afterwards are bound as well.
    """
    version = libc.syscall(
        _CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_ASK_FOR_VERSION)
    )
    if version < 1:
        return ("other files can be read: this kernel has no Landlock, or it is switched off",)
    later = sum(version >= since for since in _RIGHTS_OF_LATER_VERSIONS)
    every_right = (1 << (_RIGHTS_OF_FIRST_VERSION + later)) - 1
    try:
        ruleset = _create(libc, version, every_right)
        try:
            for path in readable:
                _allow(libc, ruleset, path, _READ_FILE | _READ_FOLDER)
            for path in writable:
                _allow(libc, ruleset, path, every_right & ~_EXECUTE & ~_MAKE_DEVICES_AND_SOCKETS)
            _call(libc, _RESTRICT_SELF, ruleset, 0)
        finally:
            os.close(ruleset)
    except OSError as error:
        return (f"other files can be read: the kernel refused Landlock ({error})",)
    return ()


def _create(libc: ctypes.CDLL, version: int, rights: int) -> int:
    network = _BIND_AND_CONNECT if version >= _NETWORK_SINCE else 0
    scopes = _ABSTRACT_SOCKETS_AND_SIGNALS if version >= _SCOPES_SINCE else 0
    attributes = struct.pack("=QQQ", rights, network, scopes)
    # A kernel refuses fields that it does not know, unless they are zero.
    return _call(libc, _CREATE_RULESET, ctypes.c_char_p(attributes), len(attributes), 0)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        if not path.is_dir():
            rights &= _RIGHTS_ON_FILES
        rule = struct.pack("=Qi", rights, place)
        _call(libc, _ADD_RULE, ruleset, _PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(place)


def _call(libc: ctypes.CDLL, number: int, *given: int | ctypes.c_char_p) -> int:
    words = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in given]
    answer: int = libc.syscall(number, *words)
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
