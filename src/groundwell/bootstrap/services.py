"""The composition root: settings → database → adapters → stages → services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from groundwell.adapters.callback_sender.httpcore import HttpcoreCallbackSender
from groundwell.adapters.job_engine.procrastinate.engine import ProcrastinateJobEngine
from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.adapters.metrics.providers import (
    ObservedEmbedder,
    ObservedReranker,
)
from groundwell.adapters.parser.detect import detect_file
from groundwell.adapters.parser.kreuzberg.parser import KreuzbergParser, ParserLimits
from groundwell.adapters.parser.kreuzberg.tesseract import find_tesseract
from groundwell.adapters.rate_limiter.memory import MemoryRateLimiter
from groundwell.adapters.rate_limiter.postgres import PostgresRateLimiter
from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.bootstrap.access import make_access_rules, make_token_verifier
from groundwell.bootstrap.caches import SharedCaches, put_caches_before
from groundwell.bootstrap.language_models import CALM, HURRIED, Pace, make_language_model
from groundwell.bootstrap.limits import make_limit_table
from groundwell.bootstrap.models import (
    make_embedder,
    open_embedding_space,
    open_reranker,
)
from groundwell.bootstrap.scanner import open_malware_scanner
from groundwell.bootstrap.search import SearchParts, fusion_options, make_watch
from groundwell.bootstrap.storage import (
    cancel,
    make_blobs,
    make_disk_room,
    open_database_url,
    open_scratch_folder,
    read_pepper,
)
from groundwell.domain.access import AccessRules
from groundwell.domain.circuit_breaker import Circuits
from groundwell.domain.webhooks.hosts import HostRules
from groundwell.generation.answer import Answerer, AnswerOptions
from groundwell.generation.budgeted_model import BudgetedLanguageModel
from groundwell.ingestion.deadlines import UploadDeadlines
from groundwell.ingestion.download import Downloader
from groundwell.ingestion.ingest import Ingestor
from groundwell.ingestion.jobs import IngestionJobs
from groundwell.ingestion.webhooks import Webhooks
from groundwell.learning.jobs import EvaluationJobs
from groundwell.ports.blob_store import BlobStore
from groundwell.ports.embedder import Embedder
from groundwell.ports.language_model import LanguageModel
from groundwell.ports.malware_scanner import MalwareScanner
from groundwell.ports.metrics import Metrics
from groundwell.ports.token_verifier import TokenVerifier
from groundwell.retrieval.corpus_finder import CorpusFinder
from groundwell.retrieval.rank_texts import TextRanker
from groundwell.services import Allowances, AnswerDefaults, Limits, Services
from groundwell.settings import Settings
from groundwell.settings.effective import effective_settings
from groundwell.store.audit import AuditRetention
from groundwell.store.cache_retention import CacheRetention
from groundwell.store.database import Database, app_options
from groundwell.store.disk import DiskRoom
from groundwell.store.migrate import migrate
from groundwell.store.recovery.reconciliation import Reconciliation
from groundwell.store.token_budget import TokenBudget, TokenRetention

_MEBIBYTE = 1 << 20


@asynccontextmanager
async def open_services(settings: Settings, *, for_worker: bool = False) -> AsyncIterator[Services]:
    """Everything that a server or worker needs, opened in order and closed in reverse."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    # The matrices of a search are small: handing them to threads costs more than it gives.
    threadpool_limits(limits=1, user_api="blas")
    async with AsyncExitStack() as stack:
        # Gone last of all: whatever still runs may have files there.
        scratch = stack.enter_context(open_scratch_folder(settings))
        circuits = Circuits()
        access = make_access_rules(settings)
        tokens = make_token_verifier(settings, stack, circuits)
        url = await open_database_url(settings, stack)
        await asyncio.to_thread(migrate, url)
        metrics = PrometheusMetrics()
        metrics.watch_circuits(circuits)
        embedder = make_embedder(settings, for_worker=for_worker, circuits=circuits)
        if settings.embedder == "openai":
            embedder = ObservedEmbedder(embedder, metrics)
        stack.push_async_callback(embedder.close)
        space = await open_embedding_space(url, embedder)
        database = Database(url, min_size=2, max_size=settings.database_pool_size)
        await database.open()
        stack.push_async_callback(database.close)
        budget = TokenBudget(database, metrics)
        stack.push_async_callback(budget.close)
        models = [
            _open_language_model(settings, stack, circuits, metrics, budget, pace)
            for pace in (CALM, HURRIED)
        ]
        # A worker searches too, when it runs an evaluation.
        reranker = open_reranker(settings, stack, space, embedder, circuits)
        if reranker is not None and settings.reranker == "http":
            reranker = ObservedReranker(reranker, metrics)
        parts = SearchParts.make(settings, database, space, reranker, models[0])
        if not for_worker:
            stack.push_async_callback(cancel, asyncio.ensure_future(parts.warm_up()))
        jobs = ProcrastinateJobEngine(
            url,
            app_options(),
            concurrency=settings.worker_jobs,
            lease_seconds=settings.worker_lease_seconds,
        )
        AuditRetention(database, jobs)
        TokenRetention(database, jobs)
        CacheRetention(database, jobs)
        yield _put_together(
            _Opened(
                parts, embedder, models, jobs, access, tokens, circuits, metrics, budget, scratch
            )
        )


@dataclass(frozen=True, slots=True)
class _Opened:
    """What `open_services` opened, and closes again."""

    parts: SearchParts
    embedder: Embedder
    language_models: Sequence[LanguageModel | None]
    jobs: ProcrastinateJobEngine
    access: AccessRules
    tokens: TokenVerifier | None
    circuits: Circuits
    metrics: PrometheusMetrics
    budget: TokenBudget
    scratch: Path


def _put_together(opened: _Opened) -> Services:
    parts, embedder, jobs, metrics = opened.parts, opened.embedder, opened.jobs, opened.metrics
    settings, database = parts.settings, parts.database
    language_model, quick_language_model = opened.language_models
    blobs = make_blobs(settings, opened.circuits)
    room = make_disk_room(settings)
    scanner = open_malware_scanner(settings, opened.circuits, metrics)
    ingestion = _make_ingestion(parts, embedder, jobs, blobs, room, scanner, opened.scratch)
    pepper = read_pepper(settings)
    shared = SharedCaches.make(settings, database, metrics)
    served = put_caches_before(parts.retriever, settings, database, embedder, metrics, shared)
    uncached = parts.retriever(embedder)
    watched = make_watch(database, metrics)
    answers = AnswerOptions(context_chars=settings.context_max_chars)
    return Services(
        database=database,
        blobs=blobs,
        embedder=embedder,
        retriever=watched(served),
        uncached_retriever=watched(uncached),
        corpus_finder=CorpusFinder(database, PostgresSearchIndex(database, parts.space)),
        ranker=TextRanker(embedder, parts.space.centre, parts.reranker, settings.reranker_timeout),
        answerer=Answerer(embedder, language_model, answers),
        language_model=language_model,
        quick_language_model=quick_language_model,
        ingestion=ingestion,
        reconciliation=Reconciliation(database, blobs, ingestion.defer, jobs),
        webhooks=_make_webhooks(settings, database, jobs, pepper),
        # An evaluation measures the search, not the caches before it.
        evaluations=EvaluationJobs(database, jobs, uncached.search),
        jobs=jobs,
        metrics=metrics,
        fusion=fusion_options(settings),
        detect_media_type=detect_file,
        limits=_make_limits(settings),
        room=room,
        scratch=opened.scratch,
        malware_scanner=scanner,
        answers=_answer_defaults(settings),
        chunking=settings.chunking,
        key_pepper=pepper,
        access=opened.access,
        tokens=opened.tokens,
        allowances=_make_allowances(settings, database, opened.budget),
        circuits=opened.circuits,
        responses=shared.for_responses(settings.cache_seconds.responses),
        configuration=effective_settings(settings),
    )


def _open_language_model(
    settings: Settings,
    stack: AsyncExitStack,
    circuits: Circuits,
    metrics: Metrics,
    budget: TokenBudget,
    pace: Pace,
) -> LanguageModel | None:
    model = make_language_model(settings, circuits, metrics, pace=pace)
    if model is None:
        return None
    paid = BudgetedLanguageModel(model, budget)
    stack.push_async_callback(paid.close)
    return paid


def _make_ingestion(
    parts: SearchParts,
    embedder: Embedder,
    jobs: ProcrastinateJobEngine,
    blobs: BlobStore,
    room: DiskRoom,
    scanner: MalwareScanner | None,
    scratch: Path,
) -> IngestionJobs:
    # Jobs work on documents of everybody.
    database = parts.database.unrestricted
    parser = _make_parser(parts.settings, scratch)
    return IngestionJobs(
        database,
        jobs,
        Ingestor(
            *(database, parts.space, embedder, parser, blobs, jobs),
            scanner=scanner,
            scratch=scratch,
        ),
        Downloader(database, blobs, detect_file, scratch),
        UploadDeadlines(database, jobs, blobs),
        room,
    )


def _make_webhooks(
    settings: Settings, database: Database, jobs: ProcrastinateJobEngine, pepper: bytes
) -> Webhooks:
    rules = HostRules(settings.webhook_hosts)
    # Jobs work on documents of everybody.
    return Webhooks(database.unrestricted, jobs, rules, HttpcoreCallbackSender(rules), pepper)


def _make_allowances(settings: Settings, database: Database, budget: TokenBudget) -> Allowances:
    return Allowances(
        make_limit_table(settings.limits),
        budget,
        PostgresRateLimiter(database),
        MemoryRateLimiter(),
    )


def _answer_defaults(settings: Settings) -> AnswerDefaults:
    return AnswerDefaults(
        settings.answer_passages, settings.answer_threshold, settings.context_max_chars
    )


def _make_limits(settings: Settings) -> Limits:
    return Limits(
        upload_bytes=settings.max_upload_mb * _MEBIBYTE,
        in_flight=settings.max_in_flight,
        request_seconds=settings.request_seconds,
    )


def _make_parser(settings: Settings, scratch: Path) -> KreuzbergParser:
    return KreuzbergParser(
        ParserLimits(
            memory_bytes=settings.parser.memory_mb * _MEBIBYTE,
            cpu_seconds=settings.parser.seconds,
            wall_seconds=settings.parser.seconds,
        ),
        tesseract=find_tesseract(),
        scratch=scratch,
    )
