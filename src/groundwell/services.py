"""Everything an app may use, on one screen."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from groundwell.domain.media_types import MediaType
from groundwell.generation.answer import Answerer
from groundwell.ingestion.jobs import IngestionJobs
from groundwell.learning.jobs import EvaluationJobs
from groundwell.ports.blob_store import BlobStore
from groundwell.ports.embedder import Embedder
from groundwell.ports.job_engine import JobEngine
from groundwell.retrieval.rank_texts import TextRanker
from groundwell.retrieval.retrieve import Retriever
from groundwell.store.database import Database


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may bring, in bytes and documents."""

    upload_bytes: int
    batch_bytes: int
    batch_documents: int
    json_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class AnswerDefaults:
    """What an answer is drawn from unless the request says otherwise."""

    passages: int
    threshold: float


@dataclass(frozen=True, slots=True)
class Services:
    """The stages and the few parts that apps use directly. Made by `bootstrap`."""

    database: Database
    blobs: BlobStore
    embedder: Embedder
    retriever: Retriever
    ranker: TextRanker
    answerer: Answerer
    ingestion: IngestionJobs
    evaluations: EvaluationJobs
    jobs: JobEngine
    detect_media_type: Callable[[Path, str], Awaitable[MediaType]]
    limits: Limits
    answers: AnswerDefaults
    chunking: str
    key_pepper: bytes
    started_at: float = field(default_factory=time.monotonic)
