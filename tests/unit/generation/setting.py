"""Passages, and an embedder whose cosines follow from the words two texts share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from groundwell.domain.analysis import analyse
from groundwell.domain.answers import Answer, AnswerEvent, AnswerFinished
from groundwell.domain.chunks import ChunkId, Encoding, Tokenizer
from groundwell.domain.errors import ProviderError
from groundwell.domain.search import SearchResponse, SearchResult
from groundwell.generation.answer import Answerer

DIMENSION = 512

APOLLO = (
    "Apollo 11 was the first mission to land people on the Moon. "
    "Neil Armstrong and Buzz Aldrin landed the module Eagle on 20 July 1969. "
    "Michael Collins stayed in orbit. "
    "The mission cost about 355 million dollars."
)
BREAD = (
    "Sourdough bread rises by wild yeast. A starter needs about 5 days before it can raise a loaf."
)


class WordTokenizer:
    """One token for each word."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\S+", text)]

    def spans_of(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        return [self.spans(text) for text in texts]


class WordEmbedder:
    """Each word is a direction, so the cosine counts shared words."""

    model = "words"
    dimension = DIMENSION
    max_tokens = 256
    has_token_vectors = False

    def __init__(self, *, is_broken: bool = False) -> None:
        self.is_broken = is_broken

    @property
    def tokenizer(self) -> Tokenizer:
        return WordTokenizer()

    async def embed_query(self, text: str) -> Encoding:
        return (await self.embed_documents([text]))[0]

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        if self.is_broken:
            raise ProviderError("The embedder is away.")
        return [Encoding(_vector(text), np.zeros((0, DIMENSION), np.float32)) for text in texts]

    async def close(self) -> None:
        return


def _vector(text: str) -> np.ndarray:
    vector = np.zeros(DIMENSION, np.float32)
    for term in analyse(text):
        digest = blake2b(term.encode(), digest_size=2).digest()
        vector[int.from_bytes(digest) % DIMENSION] += 1
    return vector / (np.linalg.norm(vector) or 1)


def passage(
    text: str, name: str = "moon.txt", *, start: int = 0, score: float = 0.9, page: int | None = 1
) -> SearchResult:
    return SearchResult(
        chunk_id=ChunkId(str(uuid5(NAMESPACE_URL, f"{name}/{start}"))),
        document_id=name,
        version=1,
        filename=name,
        title=None,
        text=text,
        score=score,
        page=page,
        char_start=start,
        char_end=start + len(text),
    )


def found(*results: SearchResult) -> SearchResponse:
    return SearchResponse(results, {})


async def told(answerer: Answerer, query: str, response: SearchResponse) -> list[AnswerEvent]:
    return [event async for event in answerer.answer(query, response)]


def finished(events: Sequence[AnswerEvent]) -> Answer:
    last = events[-1]
    assert isinstance(last, AnswerFinished)
    return last.answer
