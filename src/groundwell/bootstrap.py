"""The composition root: settings → database → adapters → stages → services."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.resources import files
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.adapters.embedder.openai import OpenAIEmbedder
from groundwell.adapters.embedder.openvino import OpenVinoEmbedder
from groundwell.adapters.job_engine.procrastinate import ProcrastinateJobEngine
from groundwell.adapters.language_model.openai import OpenAILanguageModel
from groundwell.adapters.parser.detect import detect_file
from groundwell.adapters.parser.kreuzberg.parser import KreuzbergParser, ParserLimits
from groundwell.adapters.parser.kreuzberg.tesseract import find_tesseract
from groundwell.adapters.reranker.cross_encoder import CrossEncoderReranker
from groundwell.adapters.reranker.http import HttpReranker
from groundwell.adapters.reranker.late_interaction import LateInteractionReranker
from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.chunks import Floats
from groundwell.encoders.weights import find_model
from groundwell.generation.answer import Answerer
from groundwell.ingestion.ingest import Ingestor
from groundwell.ingestion.jobs import IngestionJobs
from groundwell.learning.jobs import EvaluationJobs
from groundwell.ports.blob_store import BlobStore
from groundwell.ports.embedder import Embedder
from groundwell.ports.language_model import LanguageModel
from groundwell.ports.reranker import Reranker
from groundwell.retrieval.rank_texts import TextRanker
from groundwell.retrieval.retrieve import RetrievalOptions, Retriever
from groundwell.services import AnswerDefaults, Limits, Services
from groundwell.settings import Settings
from groundwell.store.database import Database, app_options
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.migrate import migrate
from groundwell.store.spaces import EmbeddingSpace, open_space

_MEBIBYTE = 1 << 20
_CALIBRATION_LINES = 12
_WORKER_LANES = 4


@asynccontextmanager
async def open_services(settings: Settings, *, for_worker: bool = False) -> AsyncIterator[Services]:
    """Everything that a server or worker needs, opened in order and closed in reverse."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    # The matrices of a search are small: handing them to threads costs more than it gives.
    threadpool_limits(limits=1, user_api="blas")
    async with AsyncExitStack() as stack:
        url = await open_database_url(settings, stack)
        await asyncio.to_thread(migrate, url)
        embedder = make_embedder(settings, for_worker=for_worker)
        stack.push_async_callback(embedder.close)
        space = await _open_space(url, embedder)
        database = Database(url, min_size=2, max_size=settings.database_pool_size)
        await database.open()
        stack.push_async_callback(database.close)
        blobs = _make_blobs(settings)
        jobs = ProcrastinateJobEngine(url, app_options(), concurrency=settings.worker_jobs)
        ingestor = Ingestor(database, space, embedder, _make_parser(settings), blobs, jobs)
        language_model = _make_language_model(settings)
        if language_model is not None:
            stack.push_async_callback(language_model.close)
        # A worker searches too, when it runs an evaluation.
        reranker = _open_reranker(settings, stack, database, space, embedder)
        retriever = _make_retriever(settings, database, space, embedder, reranker)
        yield Services(
            database=database,
            blobs=blobs,
            embedder=embedder,
            retriever=retriever,
            ranker=TextRanker(embedder, space.centre, reranker),
            answerer=Answerer(embedder, language_model),
            ingestion=IngestionJobs(database, jobs, ingestor),
            evaluations=EvaluationJobs(database, jobs, retriever.search),
            jobs=jobs,
            detect_media_type=detect_file,
            limits=Limits(
                upload_bytes=settings.max_upload_mb * _MEBIBYTE,
                batch_bytes=settings.max_batch_mb * _MEBIBYTE,
                batch_documents=settings.max_batch_documents,
            ),
            answers=AnswerDefaults(settings.answer_passages, settings.answer_threshold),
            chunking=settings.chunking,
            key_pepper=_read_pepper(settings),
        )


async def open_database_url(settings: Settings, stack: AsyncExitStack) -> str:
    """The address of the database; the embedded one is started and stopped with `stack`."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    embedded = await asyncio.to_thread(EmbeddedPostgres.open, settings.data_dir / "postgres")
    stack.callback(embedded.close)
    watching = asyncio.ensure_future(embedded.keep_running())
    stack.push_async_callback(_cancel, watching)
    return embedded.url


async def _cancel(task: asyncio.Future[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def make_embedder(settings: Settings, *, for_worker: bool = False) -> Embedder:
    """The embedder that the settings name: quick for one query, or for a worker's many passages."""
    if settings.embedder == "openai":
        key = settings.embedding_api_key
        return OpenAIEmbedder(
            base_url=settings.embedding_base_url,
            api_key=None if key is None else key.get_secret_value(),
            model=settings.embedding_model,
            dimension=settings.embedding_dimension,
        )
    threads = settings.model_threads or os.cpu_count() or 1
    return OpenVinoEmbedder(
        find_model(settings.embedding_model, settings.data_dir),
        name=settings.embedding_model,
        threads=threads,
        lanes=min(threads, _WORKER_LANES) if for_worker else 1,
    )


async def _open_space(url: str, embedder: Embedder) -> EmbeddingSpace:
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


def _make_retriever(
    settings: Settings,
    database: Database,
    space: EmbeddingSpace,
    embedder: Embedder,
    reranker: Reranker | None,
) -> Retriever:
    return Retriever(
        database,
        PostgresSearchIndex(database, space),
        embedder,
        reranker,
        RetrievalOptions(
            dense_weight=settings.dense_weight,
            keyword_weight=1 - settings.dense_weight,
            fusion=settings.fusion,
            rerank_depth=settings.rerank_depth,
            rerank_seconds=settings.reranker_timeout,
            blend=settings.rerank_blend,
        ),
    )


def _open_reranker(
    settings: Settings,
    stack: AsyncExitStack,
    database: Database,
    space: EmbeddingSpace,
    embedder: Embedder,
) -> Reranker | None:
    match settings.reranker:
        case "none":
            return None
        case "late_interaction":
            if not embedder.has_token_vectors:
                return None
            memory_bytes = settings.token_memory_mb * _MEBIBYTE
            return LateInteractionReranker(database, space, memory_bytes=memory_bytes)
        case "cross_encoder" | "http":
            reranker = make_text_reranker(settings)
            stack.push_async_callback(reranker.close)
            return reranker


def make_text_reranker(settings: Settings) -> CrossEncoderReranker | HttpReranker:
    """The reranker that reads the passages' text: a model in this process, or a server."""
    if settings.reranker == "http":
        key = settings.reranker_api_key
        return HttpReranker(
            base_url=settings.reranker_base_url,
            api_key=None if key is None else key.get_secret_value(),
            model=settings.reranker_model,
            timeout_seconds=settings.reranker_timeout,
        )
    return CrossEncoderReranker(
        find_model(settings.reranker_model, settings.data_dir),
        threads=settings.model_threads or os.cpu_count() or 1,
    )


def _make_parser(settings: Settings) -> KreuzbergParser:
    return KreuzbergParser(
        ParserLimits(
            memory_bytes=settings.parser_memory_mb * _MEBIBYTE,
            cpu_seconds=settings.parser_seconds,
            wall_seconds=settings.parser_seconds,
            ocr_seconds=settings.ocr_seconds,
        ),
        tesseract=find_tesseract(),
    )


def _make_language_model(settings: Settings) -> LanguageModel | None:
    if settings.llm_model is None:
        return None
    key = settings.llm_api_key
    return OpenAILanguageModel(
        base_url=settings.llm_base_url,
        api_key=None if key is None else key.get_secret_value(),
        model=settings.llm_model,
    )


def _make_blobs(settings: Settings) -> BlobStore:
    if settings.blob_url is not None:
        return ObstoreBlobStore.at_url(settings.blob_url)
    return ObstoreBlobStore.in_folder(settings.data_dir / "blobs")


def _read_pepper(settings: Settings) -> bytes:
    """The secret under which API keys are stored: set, or made once and kept."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    return read_or_make_secret(settings.data_dir / "secret.key").encode()


def read_or_make_secret(path: Path) -> str:
    """The secret in `path`; made with 256 random bits and mode 0600 if it is not there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        secret = secrets.token_hex(32)
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return secret
