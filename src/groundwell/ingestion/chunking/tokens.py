"""Windows of so many tokens with an overlap, whatever the text says.

The windows are those of LangChain's TokenTextSplitter. A chunk's text is the source from the
first token's start to the last token's end, not the decoded ids: decoding an uncased WordPiece
model would lose case and spacing. A byte-level tokenizer may end a token inside a character; the
span of such a token is the whole character, so a window that begins or ends there includes it.
A window of more than 40 characters a token is cut: an unknown word of a million letters is a
single token to a WordPiece model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from groundwell.domain.chunks import Chunk, Tokenizer
from groundwell.domain.documents import ParsedDocument
from groundwell.domain.errors import InvalidInputError
from groundwell.ingestion.chunking.measure import CHARACTERS_PER_TOKEN
from groundwell.ingestion.chunking.outline import Outline
from groundwell.ingestion.chunking.tokenise import token_spans


@dataclass(frozen=True, slots=True)
class TokenChunker:
    """Chunks of `size` tokens, each sharing `overlap` tokens with the one before."""

    tokenizer: Tokenizer
    size: int = 512
    overlap: int = 50

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.size:
            raise InvalidInputError(
                "The overlap must be at least 0 and smaller than the chunk size.",
                code="invalid_chunking",
            )

    def chunk(self, document: ParsedDocument) -> list[Chunk]:
        """Cut a document."""
        tokens = token_spans(self.tokenizer, document.text)
        step = self.size - self.overlap
        # A window that would hold nothing but the overlap of the one before is not begun.
        firsts = range(0, max(1, len(tokens) - self.overlap) if tokens else 0, step)
        windows = (tokens[first : first + self.size] for first in firsts)
        return Outline(document).chunks(
            part for window in windows for part in self._parts(window[0][0], window[-1][1])
        )

    def _parts(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The window itself or, where it is endless, as few and as even parts as it has to be."""
        length = end - start
        count = max(1, math.ceil(length / (self.size * CHARACTERS_PER_TOKEN)))
        for part in range(count):
            yield start + part * length // count, start + (part + 1) * length // count
