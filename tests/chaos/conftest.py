"""The seed of a module's dice, told before its first test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.seeds import SEED


@pytest.fixture(scope="module", autouse=True)
def told_seed(request: pytest.FixtureRequest) -> None:
    """Print what GROUNDWELL_TEST_SEED must be for the module's tests to make up the same again."""
    sys.stdout.write(f"\n{Path(request.node.name).stem}: seed {SEED}\n")
