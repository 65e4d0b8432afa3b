"""Everything an app may use, on one screen."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from groundwell.domain.access import AccessRules
from groundwell.domain.cache_keys import CacheKeys
from groundwell.domain.circuit_breaker import Circuits
from groundwell.domain.configuration import EffectiveSetting
from groundwell.domain.documents import MOST_BATCH_MB
from groundwell.domain.limits import LimitTable
from groundwell.domain.media_types import MediaType
from groundwell.generation.answer import Answerer
from groundwell.ingestion.jobs import IngestionJobs
from groundwell.ingestion.webhooks import Webhooks
from groundwell.learning.jobs import EvaluationJobs
from groundwell.ports.blob_store import BlobStore
from groundwell.ports.cache import Cache
from groundwell.ports.embedder import Embedder
from groundwell.ports.job_engine import JobEngine
from groundwell.ports.language_model import LanguageModel
from groundwell.ports.malware_scanner import MalwareScanner
from groundwell.ports.metrics import Metrics
from groundwell.ports.rate_limiter import RateLimiter
from groundwell.ports.token_verifier import TokenVerifier
from groundwell.retrieval.cached_retriever import Searches
from groundwell.retrieval.corpus_finder import CorpusFinder
from groundwell.retrieval.rank import FusionOptions
from groundwell.retrieval.rank_texts import TextRanker
from groundwell.store.database import Database
from groundwell.store.disk import DiskRoom
from groundwell.store.recovery.reconciliation import Reconciliation
from groundwell.store.token_budget import TokenBudget


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may bring, in bytes and documents, and how many are taken on at once.

    `request_seconds` is the time for the head of a request, and between two parts of its body;
    `queue_seconds` the time that a request waits for one of the `in_flight` places.
    """

    upload_bytes: int
    batch_bytes: int = MOST_BATCH_MB << 20
    batch_documents: int = 2000
    json_bytes: int = 1 << 20
    in_flight: int = 100
    request_seconds: float = 30.0
    queue_seconds: float = 10.0

    @property
    def queued(self) -> int:
        """Most requests that wait for a place: more could not be answered in time."""
        return 10 * self.in_flight


@dataclass(frozen=True, slots=True)
class AnswerDefaults:
    """What an answer is drawn from unless the request says otherwise."""

    passages: int
    threshold: float
    context_chars: int


@dataclass(frozen=True, slots=True)
class Allowances:
    """How much a credential may ask for: requests, by `table`, and tokens of language models.

    `limiter` counts requests for all processes, `substitute` for this one while that cannot.
    """

    table: LimitTable
    tokens: TokenBudget
    limiter: RateLimiter
    substitute: RateLimiter


@dataclass(frozen=True, slots=True)
class ResponseCache:
    """Where apps keep whole responses, for `seconds`, named by `keys`; `nothing` keeps none."""

    cache: Cache
    nothing: Cache
    keys: CacheKeys
    seconds: int

    def emptied(self) -> ResponseCache:
        """The same, for a request that wants everything computed anew."""
        return replace(self, cache=self.nothing)


@dataclass(frozen=True, slots=True)
class Services:
    """The stages and the few parts that apps use directly. Made by `bootstrap`.

    `quick_language_model` is the same model, given up sooner: for what can do without it. `scratch`
    is this process's folder for files that pass through.
    """

    database: Database
    blobs: BlobStore
    embedder: Embedder
    retriever: Searches
    uncached_retriever: Searches
    corpus_finder: CorpusFinder
    ranker: TextRanker
    answerer: Answerer
    language_model: LanguageModel | None
    quick_language_model: LanguageModel | None
    ingestion: IngestionJobs
    webhooks: Webhooks
    evaluations: EvaluationJobs
    reconciliation: Reconciliation
    jobs: JobEngine
    metrics: Metrics
    fusion: FusionOptions
    detect_media_type: Callable[[Path, str], Awaitable[MediaType]]
    limits: Limits
    room: DiskRoom
    scratch: Path
    malware_scanner: MalwareScanner | None
    answers: AnswerDefaults
    chunking: str
    key_pepper: bytes = field(repr=False)
    access: AccessRules
    tokens: TokenVerifier | None
    allowances: Allowances
    circuits: Circuits
    responses: ResponseCache
    configuration: tuple[EffectiveSetting, ...]
    started_at: float = field(default_factory=time.monotonic)

    @property
    def is_for_learners(self) -> bool:
        """Whether the profile is the one for learners, all of whom ask for questions."""
        return any(
            each.name == "profile" and each.value == "learning" for each in self.configuration
        )

    def without_caches(self) -> Services:
        """The same, for a request that wants everything computed anew."""
        return replace(self, retriever=self.uncached_retriever, responses=self.responses.emptied())
