from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID

from groundwell.domain.cache_keys import CacheKeys
from groundwell.domain.documents import TenantId
from groundwell.domain.filters import parse_filter
from groundwell.domain.search import SearchRequest

KEYS = CacheKeys("0.1.0", "learning")
TENANT = TenantId(UUID(int=7))
OTHER = TenantId(UUID(int=8))
HASH = r"[0-9a-f]{32}"
REQUEST = SearchRequest(TENANT, "default", "What are tides?")
NARROWED = replace(REQUEST, filter=parse_filter({"filename": "tides.pdf"}))


def test_keys_have_the_form_of_their_templates_behind_the_common_beginning():
    start = re.escape(f"0.1.0:learning:{TENANT}:")
    assert re.fullmatch(start + rf"\*:embed:a:model:{HASH}", KEYS.embedding(TENANT, "a:model", "q"))
    retrieval = KEYS.retrieval(REQUEST, "v1", "model")
    assert re.fullmatch(start + rf"v1:retrieval:[0-9a-f]{{12}}:\*:{HASH}", retrieval)
    narrowed = KEYS.retrieval(NARROWED, "v1", "model")
    assert re.fullmatch(start + rf"v1:retrieval:[0-9a-f]{{12}}:tides\.pdf:{HASH}", narrowed)
    response = KEYS.response(TENANT, "v1", "/api/chat/generate-questions", {"count": 25})
    assert re.fullmatch(start + rf"v1:api:/api/chat/generate-questions:{HASH}", response)


def test_whatever_the_thing_depends_on_makes_another_key():
    retrievals = [
        KEYS.retrieval(REQUEST, "v1", "model"),
        KEYS.retrieval(REQUEST, "v2", "model"),
        KEYS.retrieval(REQUEST, "v1", "other"),
        KEYS.retrieval(replace(REQUEST, tenant=OTHER), "v1", "model"),
        KEYS.retrieval(replace(REQUEST, query="What are tides"), "v1", "model"),
        KEYS.retrieval(replace(REQUEST, limit=11), "v1", "model"),
        KEYS.retrieval(NARROWED, "v1", "model"),
        KEYS.retrieval(replace(REQUEST, filter=parse_filter({"author": "tides.pdf"})), "v1", "m"),
        replace(KEYS, profile="lite").retrieval(REQUEST, "v1", "model"),
        replace(KEYS, environment="0.2.0").retrieval(REQUEST, "v1", "model"),
    ]
    responses = [
        KEYS.response(TENANT, "v1", "/a", {"count": 25, "topic": None}),
        KEYS.response(TENANT, "v1", "/a", {"count": 25, "topic": "null"}),
        KEYS.response(TENANT, "v1", "/a", {"count": True, "topic": None}),
        KEYS.response(TENANT, "v1", "/a", {"count": 1, "topic": None}),
        KEYS.response(TENANT, "v1", "/b", {"count": 25, "topic": None}),
        KEYS.response(OTHER, "v1", "/a", {"count": 25, "topic": None}),
    ]
    keys = [*retrievals, *responses]
    assert len(set(keys)) == len(keys)


def test_the_order_of_parameters_makes_no_other_key():
    forwards = KEYS.response(TENANT, "v1", "/a", {"count": 25, "topic": "tides"})
    assert KEYS.response(TENANT, "v1", "/a", {"topic": "tides", "count": 25}) == forwards


def test_no_question_and_no_name_of_a_tenant_can_be_read_from_what_is_digested():
    key = KEYS.retrieval(REQUEST, "v1", "model")
    assert "tides" not in key
    assert str(TENANT) not in key.partition("retrieval:")[2]
