"""The composition root: the only place that knows all adapters."""

from groundwell.bootstrap.models import make_embedder, make_text_reranker
from groundwell.bootstrap.scanner import make_malware_scanner
from groundwell.bootstrap.services import open_services
from groundwell.bootstrap.storage import (
    clear_abandoned,
    count_abandoned,
    make_blobs,
    open_database_url,
    read_or_make_secret,
)

__all__ = [
    "clear_abandoned",
    "count_abandoned",
    "make_blobs",
    "make_embedder",
    "make_malware_scanner",
    "make_text_reranker",
    "open_database_url",
    "open_services",
    "read_or_make_secret",
]
