"""Tokenizers and texts for the chunkers' tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from groundwell.domain.chunks import Tokenizer

GOLDEN = Path(__file__).parents[3] / "golden" / "chunking"


class WordTokenizer:
    """A token is a word or a single other character."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]

    def spans_of(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        return [self.spans(text) for text in texts]


@pytest.fixture(scope="session")
def words() -> Tokenizer:
    return WordTokenizer()


@pytest.fixture(params=sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path
