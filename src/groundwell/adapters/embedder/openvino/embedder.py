"""OpenVinoEmbedder: a sentence encoder in this process, without torch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from groundwell.adapters.embedder.openvino.inference import Runner, compile_encoder
from groundwell.adapters.embedder.openvino.lanes import Lanes
from groundwell.adapters.embedder.openvino.recipe import read_recipe
from groundwell.domain.chunks import Encoding, Tokenizer
from groundwell.encoders.tokenization import ModelTokenizer


class OpenVinoEmbedder:
    """A sentence encoder of the BERT kind from a local folder, on the processor.

    `model_dir` is in the layout of sentence-transformers (`find_model` finds it). `name` is the
    identity that `model` gives. `threads` is the most threads that compute at once, `lanes` how
    many batches they share: one answers a single query soonest, one for each thread embeds most
    passages a second, since threads that work on one matrix wait for each other.

    Constructing it loads and compiles the model, which takes a few hundred milliseconds and
    blocks. Queries go before passages: a query waits at most for one small batch. A failure of
    the model is a ProviderError, a call after `close` an UnavailableError.

    Errors: StartupError when the folder holds no usable model.
    """

    def __init__(self, model_dir: Path, *, name: str, threads: int, lanes: int = 1) -> None:
        recipe = read_recipe(model_dir)
        lanes = min(lanes, threads)
        encoder = compile_encoder(model_dir, recipe, threads, lanes)
        tokenizer = ModelTokenizer(model_dir / "tokenizer.json", recipe.max_tokens)
        runners = [Runner(encoder) for _ in range(lanes)]
        for runner in runners:
            # The first pass is slow, and nobody's query should pay for it.
            runner.run(tokenizer.tokenize(["warm"], recipe.query_prefix))
        self._name = name
        self._recipe = recipe
        self._tokenizer = tokenizer
        self._lanes = Lanes(
            runners,
            partial(tokenizer.tokenize, prefix=recipe.query_prefix),
            partial(tokenizer.tokenize, prefix=recipe.passage_prefix),
        )

    @property
    def model(self) -> str:
        """Identity of the model, as given."""
        return self._name

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._recipe.architecture.hidden_size

    @property
    def max_tokens(self) -> int:
        """Most tokens of a text that count, special tokens included."""
        return self._recipe.max_tokens

    @property
    def has_token_vectors(self) -> bool:
        """Always: they come from the same pass."""
        return True

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer."""
        return self._tokenizer

    async def embed_query(self, text: str) -> Encoding:
        """Embed a query, together with those that wait at the same time."""
        return await asyncio.wrap_future(self._lanes.submit_query(text))

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        """Embed passages, sorted by length and in batches, on all lanes."""
        if not texts:
            return []
        return await asyncio.wrap_future(self._lanes.submit_passages(texts))

    async def document_spans(self, texts: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
        """Where the tokens of passages stand: the tokenizer alone, with prefix and limit."""
        prefix = self._recipe.passage_prefix
        tokenized = await asyncio.to_thread(self._tokenizer.tokenize, texts, prefix)
        return [text.spans for text in tokenized]

    async def close(self) -> None:
        """End the threads; passages still waiting are refused."""
        await asyncio.to_thread(self._lanes.close)
