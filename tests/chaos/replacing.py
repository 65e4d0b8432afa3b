"""Putting something around a function of the product, in a process that only tests use."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from operator import attrgetter
from typing import Any, TypeAlias

Function: TypeAlias = Callable[..., Awaitable[Any]]


def replace(module: str, function: str, change: Callable[[Function], Function]) -> None:
    """Put a changed function in its own place, wherever it was imported to already.

    A function that comes from another module is changed for this one only.
    """
    *owners, name = function.split(".")
    found = import_module(module)
    owner = attrgetter(".".join(owners))(found) if owners else found
    old = getattr(owner, name)
    new = change(old)
    setattr(owner, name, new)
    if not owners and old.__module__ == module:
        for other in [m for n, m in sys.modules.items() if n.startswith("groundwell.")]:
            if vars(other).get(name) is old:
                setattr(other, name, new)
