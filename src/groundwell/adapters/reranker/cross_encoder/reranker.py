"""CrossEncoderReranker: a second model that reads query and passage together, without torch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from groundwell.adapters.reranker.cross_encoder.recipe import read_recipe
from groundwell.adapters.reranker.cross_encoder.scoring import PairTokenizer, Scorer
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.domain.search import AnalysedQuery
from groundwell.encoders.graph import build_classifier
from groundwell.encoders.runtime import compile_graph
from groundwell.encoders.tensors import map_weights
from groundwell.ports.reranker import Candidate

_log = logging.getLogger(__name__)


class CrossEncoderReranker:
    """Any cross-encoder of the BERT kind from a local folder, on the processor.

    `model_dir` is in the layout of transformers or sentence-transformers (`find_model` finds it),
    with weights as safetensors. `threads` is the most threads that compute at once.

    Constructing it loads and compiles the model and blocks. Calls are served one after the other;
    one that was given up ends after the batch that runs. A blank passage has no score. A failure
    of the model is a ProviderError, a call after `close` an UnavailableError.

    The method: Nogueira and Cho, Passage Re-ranking with BERT, 2019 (arXiv:1901.04085).

    Errors: StartupError when the folder holds no usable model.
    """

    needs_text = True

    def __init__(self, model_dir: Path, *, threads: int) -> None:
        recipe = read_recipe(model_dir)
        weights = map_weights(model_dir / "model.safetensors")
        model = compile_graph(build_classifier(weights, recipe.architecture), threads=threads)
        self._tokenizer = PairTokenizer(model_dir / "tokenizer.json", recipe.max_tokens)
        self._scorer = Scorer(model, recipe)
        self._is_closed = Event()
        # The first pass is slow, and nobody's query should pay for it.
        self._score("warm", ["warm"], Event())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reranker")

    async def rerank(
        self, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        """Score candidates by what the model makes of query and passage together."""
        self._check_open()
        scores: list[float | None] = [None] * len(candidates)
        known = [number for number, one in enumerate(candidates) if one.text.strip()]
        if not known:
            return scores
        texts = [candidates[number].text for number in known]
        is_abandoned = Event()
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._thread, self._score, query.text, texts, is_abandoned
            )
        finally:
            is_abandoned.set()
        for number, score in zip(known, found, strict=True):
            scores[number] = score
        return scores

    async def close(self) -> None:
        """Finish the batch that runs, refuse the calls that wait, end the thread."""
        self._is_closed.set()
        await asyncio.to_thread(self._thread.shutdown)

    def _score(self, query: str, texts: Sequence[str], is_abandoned: Event) -> list[float]:
        found: dict[int, float] = {}
        try:
            self._check_open()
            for scores in self._scorer.score(self._tokenizer.tokenize(query, texts)):
                found |= scores
                self._check_open()
                if is_abandoned.is_set():
                    return []
        except (RuntimeError, ValueError, TypeError, MemoryError):
            # The thread must outlive any text; the caller gets the error.
            _log.exception("the reranking model failed")
            raise ProviderError("The reranking model failed; the server's log says why.") from None
        return [found[number] for number in range(len(texts))]

    def _check_open(self) -> None:
        if self._is_closed.is_set():
            raise UnavailableError("The reranker is closed; the server is shutting down.")
