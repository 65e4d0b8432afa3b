"""Windows of so many tokens with an overlap, whatever the text says.

The windows are those of LangChain's TokenTextSplitter. A chunk's text is the source from the
first token's start to the last token's end, not the decoded ids: decoding an uncased WordPiece
model would lose case and spacing. A byte-level tokenizer may end a token inside a character; the
span of such a token is the whole character, so a window that begins or ends there includes it.
"""

from __future__ import annotations

from dataclasses import dataclass

from groundwell.domain.chunks import Chunk, Tokenizer
from groundwell.domain.documents import ParsedDocument
from groundwell.domain.errors import InvalidInputError
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
        return Outline(document).chunks((window[0][0], window[-1][1]) for window in windows)
