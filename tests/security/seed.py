"""What all tests of attacks share: one seed, one long form, one way to print a figure."""

from __future__ import annotations

import random
import sys

from tests.seeds import IS_LONG, SEED

__all__ = ["IS_LONG", "SEED", "dice", "tell"]


def dice(name: str) -> random.Random:
    """Random numbers of a test's own: another test more or less changes none of them."""
    return random.Random(f"{SEED} {name}")


def tell(figure: str) -> None:
    """Print what a test has measured."""
    sys.stdout.write(f"\n{figure} (seed {SEED})\n")
