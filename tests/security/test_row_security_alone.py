"""Row-level security alone: what is left when the product's own tenant filters are switched off.

The search functions run with rights of their own and filter by tenant themselves. Here each such
condition is rewritten to TRUE in a database of the test's own, and so is the one on the collection:
the functions then return the chunks of everybody. Texts are read under row-level security, so that
even such a fault shows nobody's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from tests.apps.operations import Operation, operations
from tests.apps.people import client_of, server_with
from tests.conftest import Tenant, fresh_database, running_services
from tests.security.estate import Estate, digest_of, settle
from tests.security.foreign import Callers, cases, content_of, filled, spellings
from tests.security.places import JSON, Place, request_with, texts
from tests.security.seed import tell

from groundwell.domain.api_keys import digest_api_key, make_api_key
from groundwell.domain.documents import DEFAULT_COLLECTION, TenantId
from groundwell.domain.identity import Scope
from groundwell.services import Services
from groundwell.settings import Settings
from groundwell.store.api_keys import insert_key
from groundwell.store.collections import ensure_collection
from groundwell.store.database import owner_options
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.identity import insert_owner

SOURCES = Path(__file__).parents[2] / "src" / "groundwell"
# To join tables on it, as a look at all tenants does, filters nothing.
IN_PYTHON = re.compile(r"tenant_id\s*(=(?!\s*\w+\.id\b)|IN\b)")
OF_TENANT = re.compile(
    r"\b\w+\.tenant_id\s*=\s*(\(\s*SELECT\s+current_tenant\(\)(\s+AS\s+current_tenant)?\s*\)"
    r"|current_tenant\(\)|tenant\b)",
    re.IGNORECASE,
)
# The collection's own condition in the legs: a condition on the tenant stands beside it.
OF_COLLECTION = re.compile(r"\b[vt]\.collection_id\s*=\s*collection\b|t\.lexemes @@ selecting")
FUNCTIONS = """
    SELECT p.proname, pg_get_functiondef(p.oid) FROM pg_proc p
    WHERE p.pronamespace = 'groundwell'::regnamespace AND p.prokind = 'f'
      AND p.proname NOT LIKE 'procrastinate%' AND p.proname <> 'create_space_objects'
"""


@dataclass(frozen=True)
class Switched:
    """A server whose database filters by nothing but row-level security."""

    app: FastAPI
    services: Services
    url: str
    own: Estate
    theirs: Estate
    switched_off: Counter[str]


def switch_off(url: str) -> Counter[str]:
    """Rewrite every condition on a tenant, in every function, to TRUE; how many in each."""
    found: Counter[str] = Counter()
    with psycopg.connect(url, options=owner_options(), autocommit=True) as connection:
        for name, definition in connection.execute(FUNCTIONS).fetchall():
            text, count = OF_TENANT.subn("TRUE", definition)
            if count:
                found[name] = count
                connection.execute(OF_COLLECTION.sub("TRUE", text).encode())
        left = [
            name
            for name, definition in connection.execute(FUNCTIONS).fetchall()
            if OF_TENANT.search(definition)
        ]
    assert not left
    return found


async def make_tenant(app: FastAPI, services: Services) -> Tenant:
    tenant, key = TenantId(uuid4()), make_api_key()
    async with services.database.transaction(tenant) as connection:
        user = await insert_owner(connection, tenant, "test")
        digest = digest_api_key(key, services.key_pepper)
        await insert_key(connection, tenant, user, key.id, "test", digest, tuple(Scope))
        await ensure_collection(connection, tenant, DEFAULT_COLLECTION, services.chunking)
    return Tenant(tenant, user, key.text, client_of(app, key.text))


@pytest.fixture(scope="module")
async def switched(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Switched]:
    with fresh_database(postgres) as url:
        folder = tmp_path_factory.mktemp("switched")
        settings = Settings(data_dir=folder, database_url=url, load_samples=False)
        async with running_services(settings) as services, server_with(services) as app:
            theirs = await settle(await make_tenant(app, services), "switched off, another")
            own = await settle(await make_tenant(app, services), "switched off, own")
            yield Switched(app, services, url, own, theirs, switch_off(url))
            for estate in (own, theirs):
                await estate.tenant.http.aclose()


def test_no_statement_outside_of_the_database_s_functions_filters_by_tenant() -> None:
    places = [
        f"{file.name}: {line.strip()}"
        for file in SOURCES.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if IN_PYTHON.search(line)
    ]
    assert places == [], "switch this filter off too"


@asynccontextmanager
async def as_tenant(switched: Switched) -> AsyncIterator[psycopg.AsyncConnection[tuple[object]]]:
    async with switched.services.database.transaction(switched.own.tenant.id) as connection:
        yield connection


async def test_with_the_filters_off_the_legs_return_foreign_chunks_whose_texts_stay_hidden(
    switched: Switched,
) -> None:
    asked = {"query": switched.theirs.word, "collection": switched.own.ids["collection"]}
    async with as_tenant(switched) as connection:
        cursor = await connection.execute(
            "SELECT l.chunk_id, EXISTS (SELECT FROM chunks c WHERE c.id = l.chunk_id)"
            " FROM collections o, search_keyword(o.id, ARRAY['submarin'], ARRAY[1],"
            "  ARRAY[1.0]::real[], 50, NULL, NULL, 9, 9) l WHERE o.name = %s",
            (asked["collection"],),
        )
        legs = await cursor.fetchall()
    foreign = [chunk for chunk, is_own in legs if not is_own]
    assert foreign, "the filters were not switched off"
    assert set(switched.switched_off) >= {"find_documents", "search_keyword", "space_1_search"}
    for search_type in ("hybrid", "keyword", "semantic"):
        body = {**asked, "search_type": search_type, "explain": True, "limit": 50}
        found = await switched.own.tenant.http.post("/api/v1/search", json=body)
        assert found.status_code == 200, found.text
        assert switched.theirs.word not in found.text.replace(asked["query"], "")
        assert not [chunk for chunk in foreign if str(chunk) in found.text]
    total = switched.switched_off.total()
    tell(
        f"{total} conditions on a tenant in {len(switched.switched_off)} functions are off: "
        f"{len(foreign)} foreign chunks from the legs, 0 shown"
    )


def walk(switched: Switched, estate: Estate) -> list[dict[str, object]]:
    """Every operation once with one's own things, and each query with the other tenant's words.

    Deletions come last, and of these last of all what the others need: keys, then the tenant.
    """
    requests = []
    for operation in sorted(operations(switched.app), key=_destruction):
        places: dict[Place, object] = {}
        for place in texts(switched.app):
            if place.operation == operation and place.where == JSON:
                if place.leaf == "query":
                    places[place] = f"launch code submarine {switched.theirs.word}"
                elif place.leaf == "collection":
                    places[place] = estate.ids["collection"]
            if place.operation == operation and place.leaf == "confirm":
                places[place] = estate.ids["tenant"]
        requests.append(request_with(places, operation, estate.ids))
    return requests


def _destruction(operation: Operation) -> tuple[bool, bool, bool]:
    is_deletion = operation.method == "delete"
    return is_deletion, "/keys/" in operation.path, operation.path.endswith("/tenant")


def leaks(response: httpx.Response, theirs: Estate, sent: Iterable[str]) -> list[str]:
    """What the answer holds of the other tenant beyond what the request itself has said."""
    content = content_of(response)
    for text in sorted(sent, key=len, reverse=True):
        for spelling in spellings(text):
            content = content.replace(spelling, b"")
    return [text for text in (theirs.word, *theirs.ids.values()) if text.encode() in content]


async def test_with_the_filters_off_what_one_does_with_one_s_own_touches_nobody_else_s(
    switched: Switched,
) -> None:
    """Everything that the API can do, deletions and the end of the tenant too, with one's own."""
    tenant = await make_tenant(switched.app, switched.services)
    leaving = await settle(tenant, "switched off, leaving")
    before = await digest_of(switched.services, switched.theirs)
    statuses: Counter[int] = Counter()
    async with aclosing(tenant.http):
        for request in walk(switched, leaving):
            response = await tenant.http.request(**request)  # type: ignore[arg-type] - made for it
            said = (f"launch code submarine {switched.theirs.word}",)
            assert leaks(response, switched.theirs, said) == [], request["url"]
            statuses[response.status_code] += 1
            assert response.status_code < 500, response.text
    assert statuses[200] > 40
    assert statuses[204] > 5
    assert await digest_of(switched.services, switched.theirs) == before
    tell(
        f"{statuses.total()} operations with the product's own tenant filters off: 0 foreign rows "
        f"shown or changed; statuses {dict(sorted(statuses.items()))}"
    )


async def test_with_the_filters_off_no_foreign_id_shows_or_changes_a_foreign_row(
    switched: Switched,
) -> None:
    """Every place that can name something, with the other tenant's, as a caller of each role."""
    before = await digest_of(switched.services, switched.theirs)
    known = cases(switched.app)
    statuses: Counter[int] = Counter()
    async with AsyncExitStack() as stack:

        async def make() -> Tenant:
            made = await make_tenant(switched.app, switched.services)
            await stack.enter_async_context(made.http)
            return made

        callers = Callers(switched.app, switched.services, make, switched.own)
        stack.push_async_callback(callers.close)
        for places in known:
            operation = next(iter(places)).operation
            values = {place: filled(kind, switched.theirs.ids) for place, kind in places.items()}
            request = request_with(values, operation, switched.own.ids)
            for role, client in (await callers.of(operation, places)).items():
                response = await client.request(**request)
                name = f"{role}: {[place.name for place in places]}"
                assert response.status_code < 500, name
                assert leaks(response, switched.theirs, switched.theirs.ids.values()) == [], name
                if any(place.where == "path" for place in places):
                    assert response.status_code in (403, 404), name
                statuses[response.status_code] += 1
            if operation.method != "get":
                callers.changed()
    assert await digest_of(switched.services, switched.theirs) == before
    methods = Counter(next(iter(places)).operation.method for places in known)
    assert min(methods[name] for name in ("get", "post", "put", "patch", "delete")) > 0
    tell(
        f"{len(known)} places or sets of places with a foreign id, 3 roles, the product's own "
        f"tenant filters off: {statuses.total()} requests, 0 foreign rows shown or changed; "
        f"statuses {dict(sorted(statuses.items()))}, methods {dict(methods)}"
    )
