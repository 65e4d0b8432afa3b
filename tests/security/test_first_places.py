"""A document that is made to be the best for every question is seen by whoever watches."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.apps.people import client_of, server_with
from tests.conftest import Tenant, upload_texts
from tests.security.seed import dice, tell

from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.bootstrap.search import make_watch
from groundwell.retrieval.first_places import BOUND, LEAST_DOCUMENTS, LEAST_SEARCHES
from groundwell.services import Services

BEASTS = ("heron", "otter", "badger", "lynx", "viper", "salmon", "beetle", "falcon", "owl", "bison")
DOINGS = (
    "swims",
    "sleeps",
    "hunts",
    "sings",
    "digs",
    "climbs",
    "mates",
    "nests",
    "feeds",
    "fights",
)
QUESTIONS = [f"where the {beast} {doing}" for beast in BEASTS for doing in DOINGS]
DOCUMENTS = [
    {"id": f"{beast}-{half}", "text": f"The {beast} {', '.join(doings)} in its own way."}
    for beast in BEASTS
    for half, doings in enumerate((DOINGS[:5], DOINGS[5:]))
]
# For each beast a section that says nothing else than what may be asked of it, over and over.
STUFFED = {
    "id": "stuffed",
    "text": "\n\n".join(
        f"# {beast}\n\n" + f"The {beast} {' '.join(DOINGS)}. " * 20 for beast in BEASTS
    ),
}
# By words alone, the search that is quickest and easiest to stuff.
SEARCH = {"search_type": "keyword", "rerank": False}


async def share_after_all_questions(services: Services, tenant: Tenant) -> float:
    """What a server that counts from the beginning tells after each question was asked once."""
    metrics = PrometheusMetrics()
    retriever = make_watch(services.database, metrics)(services.uncached_retriever)
    changes = {"retriever": retriever, "metrics": metrics}
    async with server_with(services, **changes) as app, client_of(app, tenant.key) as client:
        order = list(QUESTIONS)
        dice("first places").shuffle(order)
        for start in range(0, len(order), 10):
            answers = await asyncio.gather(
                *(
                    client.post("/api/v1/search", json={"query": q, **SEARCH})
                    for q in order[start:][:10]
                )
            )
            assert {answer.status_code for answer in answers} == {200}
    text = metrics.exposition(None)[0].decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    (sample,) = families["groundwell_first_place_share"].samples
    assert sample.labels == {}
    return float(sample.value)


async def test_a_document_that_wins_every_question_is_told_by_its_id(
    services: Services, tenant: Tenant, caplog: pytest.LogCaptureFixture
):
    assert len(DOCUMENTS) >= LEAST_DOCUMENTS
    assert len(QUESTIONS) >= LEAST_SEARCHES
    await upload_texts(tenant, DOCUMENTS)
    ordinary = await share_after_all_questions(services, tenant)
    assert "comes first" not in caplog.text
    await upload_texts(tenant, [STUFFED])
    poisoned = await share_after_all_questions(services, tenant)
    tell(
        f"{len(QUESTIONS)} questions: share {ordinary:.2f}, with a stuffed document {poisoned:.2f}"
    )
    assert 0 < ordinary < 0.2 < BOUND < poisoned
    told = [line.getMessage() for line in caplog.records if "comes first" in line.getMessage()]
    assert told == ["document stuffed comes first in more than 50 % of the tenant's searches"]
