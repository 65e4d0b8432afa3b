"""The models, as the settings name them: embedder and reranker."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from importlib.resources import files

import numpy as np

from groundwell.adapters.embedder.openai import OpenAIEmbedder
from groundwell.adapters.embedder.openvino import OpenVinoEmbedder
from groundwell.adapters.reranker.cross_encoder import CrossEncoderReranker
from groundwell.adapters.reranker.http import HttpReranker
from groundwell.adapters.reranker.late_interaction import LateInteractionReranker
from groundwell.domain.chunks import Floats
from groundwell.domain.circuit_breaker import Circuits
from groundwell.encoders.weights import find_model
from groundwell.ports.embedder import Embedder
from groundwell.ports.reranker import Reranker
from groundwell.settings import Settings
from groundwell.store.spaces import EmbeddingSpace, open_space

_CALIBRATION_LINES = 12
_WORKER_LANES = 4
# A server is given up a little before the search gives up its reranker: what the search cuts off
# counts as given up by the caller, and would never open the circuit.
_SHARE_OF_RERANKING = 0.95


def make_embedder(
    settings: Settings, *, for_worker: bool = False, circuits: Circuits | None = None
) -> Embedder:
    """The embedder that the settings name: quick for one query, or for a worker's many passages."""
    if settings.embedder == "openai":
        key = settings.embedding_api_key
        remote = OpenAIEmbedder(
            base_url=settings.embedding_base_url,
            api_key=None if key is None else key.get_secret_value(),
            model=settings.embedding_model,
            dimension=settings.embedding_dimension,
        )
        if circuits is not None:
            circuits.watch(remote.circuit)
        return remote
    threads = settings.model_threads or os.cpu_count() or 1
    return OpenVinoEmbedder(
        find_model(settings.embedding_model, settings.data_dir),
        name=settings.embedding_model,
        threads=threads,
        lanes=min(threads, _WORKER_LANES) if for_worker else 1,
    )


async def open_embedding_space(url: str, embedder: Embedder) -> EmbeddingSpace:
    """The space of the embedder's vectors; its centre is measured when it is made."""
    loop = asyncio.get_running_loop()

    def measure_centre() -> Floats:
        return asyncio.run_coroutine_threadsafe(_measure_centre(embedder), loop).result()

    return await asyncio.to_thread(
        open_space, url, embedder.model, embedder.dimension, measure_centre
    )


async def _measure_centre(embedder: Embedder) -> Floats:
    """The mean token vector over a text of many topics, in pieces of a chunk's size."""
    if not embedder.has_token_vectors:
        return np.zeros(embedder.dimension, dtype=np.float32)
    text = files("groundwell.samples").joinpath("calibration.txt").read_text(encoding="utf-8")
    lines = text.splitlines()
    pieces = [
        " ".join(lines[start : start + _CALIBRATION_LINES])
        for start in range(0, len(lines), _CALIBRATION_LINES)
    ]
    encodings = await embedder.embed_documents(pieces)
    vectors = np.concatenate([encoding.token_vectors for encoding in encodings])
    centre: Floats = vectors.mean(axis=0, dtype=np.float32)
    return centre


def open_reranker(
    settings: Settings,
    stack: AsyncExitStack,
    space: EmbeddingSpace,
    embedder: Embedder,
    circuits: Circuits,
) -> Reranker | None:
    """The reranker that the settings name; it is closed with `stack`."""
    match settings.reranker:
        case "none":
            return None
        case "late_interaction":
            if not embedder.has_token_vectors:
                return None
            return LateInteractionReranker(space.centre)
        case "cross_encoder" | "http":
            reranker = make_text_reranker(settings)
            stack.push_async_callback(reranker.close)
            if isinstance(reranker, HttpReranker):
                circuits.watch(reranker.circuit)
            return reranker


def make_text_reranker(settings: Settings) -> CrossEncoderReranker | HttpReranker:
    """The reranker that reads the passages' text: a model in this process, or a server."""
    if settings.reranker == "http":
        key = settings.reranker_api_key
        return HttpReranker(
            base_url=settings.reranker_base_url,
            api_key=None if key is None else key.get_secret_value(),
            model=settings.reranker_model,
            timeout_seconds=settings.reranker_timeout * _SHARE_OF_RERANKING,
        )
    return CrossEncoderReranker(
        find_model(settings.reranker_model, settings.data_dir),
        threads=settings.model_threads or os.cpu_count() or 1,
    )
