"""The model's tokenizer: texts to token ids, with the place of each token in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray

from groundwell.domain.errors import StartupError


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """One text as the model reads it.

    `ids`: int32, special tokens included. `rows`: where in `ids` the text's own tokens stand.
    `spans`: their character spans in the text, as many as tokens.
    """

    ids: NDArray[np.int32]
    rows: slice
    spans: tuple[tuple[int, int], ...]


def load_tokenizer(file: Path) -> tokenizers.Tokenizer:
    """Read tokenizer.json; its own padding and truncation are switched off.

    Errors: StartupError when it cannot be read.
    """
    try:
        tokenizer = tokenizers.Tokenizer.from_str(file.read_text("utf-8"))
    # The library raises nothing narrower for a file that it cannot read.
    except Exception as error:
        raise StartupError(f"{file} is not a readable tokenizer.") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


class ModelTokenizer:
    """Reads tokenizer.json. Safe to use from several threads at once."""

    def __init__(self, file: Path, max_tokens: int) -> None:
        self._whole = load_tokenizer(file)
        self._cutting = load_tokenizer(file)
        self._cutting.enable_truncation(max_tokens)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The character span of every token, however long the text, without special tokens."""
        return self.spans_of([text])[0]

    def spans_of(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        """`spans` of many texts at once."""
        clean = [encodable(text) for text in texts]
        encodings = self._whole.encode_batch(clean, add_special_tokens=False)
        return [list(encoding.offsets) for encoding in encodings]

    def tokenize(self, texts: Sequence[str], prefix: str) -> list[TokenizedText]:
        """Token ids as the model wants them: with the prefix, cut to its length."""
        encodings = self._cutting.encode_batch([prefix + encodable(text) for text in texts])
        return [_tokenized(encoding, len(prefix)) for encoding in encodings]


def _tokenized(encoding: tokenizers.Encoding, prefix_length: int) -> TokenizedText:
    offsets = encoding.offsets
    special = encoding.special_tokens_mask
    end = len(offsets)
    while end and special[end - 1]:
        end -= 1
    first = 0
    while first < end and (special[first] or offsets[first][0] < prefix_length):
        first += 1
    spans = tuple(offsets[first:end])
    if prefix_length:
        spans = tuple((start - prefix_length, stop - prefix_length) for start, stop in spans)
    return TokenizedText(np.array(encoding.ids, np.int32), slice(first, end), spans)


def encodable(text: str) -> str:
    """The text with a question mark for each lone surrogate, which is no character.

    One for each, so that spans stay right.
    """
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
