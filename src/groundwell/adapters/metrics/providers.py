"""Models and scanners elsewhere, each with somebody who is told what became of every call."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

from groundwell.domain.answers import ChatMessage
from groundwell.domain.chunks import Encoding, Tokenizer
from groundwell.domain.errors import GroundwellError
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.embedder import Embedder
from groundwell.ports.language_model import Completion, HearUsed, LanguageModel
from groundwell.ports.malware_scanner import MalwareScanner
from groundwell.ports.metrics import Metrics
from groundwell.ports.reranker import Candidate, Reranker


@dataclass(slots=True)
class _Answer:
    """What a call that was answered counts as."""

    outcome: str = "ok"


@contextmanager
def _observed(metrics: Metrics, provider: str) -> Iterator[_Answer]:
    begun = time.perf_counter()
    outcome = "cancelled"
    answer = _Answer()
    try:
        yield answer
        outcome = answer.outcome
    except GroundwellError as error:
        outcome = error.code
        raise
    except Exception:
        outcome = GroundwellError.default_code
        raise
    finally:
        metrics.observe_provider_call(provider, outcome, time.perf_counter() - begun)


class ObservedLanguageModel:
    """A language model, with its calls counted as those of `part`.

    A call whose consumer left counts as `cancelled`.
    """

    def __init__(
        self, model: LanguageModel, metrics: Metrics, part: str = "language_model"
    ) -> None:
        self._model = model
        self._metrics = metrics
        self._part = part

    @property
    def model(self) -> str:
        """Identity of the model."""
        return self._model.model

    async def stream(
        self, messages: Sequence[ChatMessage], max_tokens: int, hear_used: HearUsed | None = None
    ) -> AsyncGenerator[str, None]:
        """The answer's text, piece by piece."""
        with _observed(self._metrics, self._part):
            stream = self._model.stream(messages, max_tokens, hear_used)
            async with aclosing(_generator(stream)) as pieces:
                async for piece in pieces:
                    yield piece

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """The whole answer."""
        with _observed(self._metrics, self._part):
            return await self._model.complete(messages, max_tokens)

    async def close(self) -> None:
        """Close connections."""
        await self._model.close()


class ObservedEmbedder:
    """An embedder, with its calls counted."""

    def __init__(self, embedder: Embedder, metrics: Metrics) -> None:
        self._embedder = embedder
        self._metrics = metrics

    @property
    def model(self) -> str:
        """Identity of the model."""
        return self._embedder.model

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        """Most tokens of a text that count."""
        return self._embedder.max_tokens

    @property
    def has_token_vectors(self) -> bool:
        """Whether encodings carry token vectors."""
        return self._embedder.has_token_vectors

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self._embedder.tokenizer

    async def embed_query(self, text: str) -> Encoding:
        """Embed one search query."""
        with _observed(self._metrics, "embedder"):
            return await self._embedder.embed_query(text)

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        """Embed passages."""
        with _observed(self._metrics, "embedder"):
            return await self._embedder.embed_documents(texts)

    async def document_spans(self, texts: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
        """The spans of tokens, which need no call."""
        return await self._embedder.document_spans(texts)

    async def close(self) -> None:
        """Release connections."""
        await self._embedder.close()


class ObservedReranker:
    """A reranker, with its calls counted."""

    def __init__(self, reranker: Reranker, metrics: Metrics) -> None:
        self._reranker = reranker
        self._metrics = metrics

    @property
    def needs_text(self) -> bool:
        """Whether texts are read."""
        return self._reranker.needs_text

    async def rerank(
        self, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        """Score each candidate."""
        with _observed(self._metrics, "reranker"):
            return await self._reranker.rerank(query, candidates)


class ObservedMalwareScanner:
    """A malware scanner, with its calls counted; those that found something as `found`."""

    def __init__(self, scanner: MalwareScanner, metrics: Metrics) -> None:
        self._scanner = scanner
        self._metrics = metrics

    async def scan(self, pieces: AsyncIterator[bytes]) -> str | None:
        """The name of what was found."""
        with _observed(self._metrics, "malware_scanner") as answer:
            found = await self._scanner.scan(pieces)
            if found is not None:
                answer.outcome = "found"
            return found

    async def is_available(self) -> bool:
        """Whether the scanner answers."""
        return await self._scanner.is_available()


async def _generator(pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """Any iterator as one that can be closed; a source that can be closed is closed with it."""
    try:
        async for piece in pieces:
            yield piece
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
