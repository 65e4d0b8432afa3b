"""What tests of the in-process embedder have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.fakes.encoder_folder import WORDS

from groundwell.adapters.embedder.openvino.inference import Runner, compile_encoder
from groundwell.adapters.embedder.openvino.recipe import read_recipe
from groundwell.encoders.tokenization import TokenizedText


def ids_of(words: str) -> list[int]:
    """A text's ids, special tokens included."""
    return [2, *(WORDS.index(word) for word in words.split()), 3]


def tokenized(*texts: list[int]) -> list[TokenizedText]:
    """Texts as the tokenizer gives them: token vectors are wanted of all but special tokens."""
    return [TokenizedText(np.array(ids, np.int32), slice(1, len(ids) - 1), ()) for ids in texts]


def make_runner(folder: Path) -> Runner:
    """A runner on one thread."""
    return Runner(compile_encoder(folder, read_recipe(folder), threads=1, lanes=1))


def cosine(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    """Of two vectors, or of two matrices as wholes."""
    return float((left * right).sum() / (np.linalg.norm(left) * np.linalg.norm(right)))
