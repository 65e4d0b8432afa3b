"""Fixtures: one Postgres for all tests, a fresh database where one is asked for, one running app.

The app runs with everything real, in this process, its worker beside it. Tests share it and keep
apart by making a tenant of their own, which also shows that tenants do not see each other.
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any
from uuid import UUID, uuid4

import httpx
import hypothesis
import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI
from tests.prepared_postgres import FOLDER_VARIABLE, TEMPLATE, put_cluster
from tests.waiting import PATIENCE_SECONDS

from groundwell.adapters.parser.kreuzberg import parser
from groundwell.bootstrap import open_services
from groundwell.domain.api_keys import digest_api_key, make_api_key
from groundwell.domain.documents import DEFAULT_COLLECTION, TenantId
from groundwell.domain.identity import Scope
from groundwell.main import create_app
from groundwell.services import Services
from groundwell.settings import Settings
from groundwell.settings.limit_table import LimitTableSettings
from groundwell.store.api_keys import insert_key
from groundwell.store.collections import ensure_collection
from groundwell.store.database import Database, owner_options
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.identity import insert_owner

# How long an example takes is the machine's affair. What a test suppresses itself, it adds to this.
hypothesis.settings.register_profile(
    "groundwell", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("groundwell")

TERMINAL = ("complete", "failed")
_ONLY_SEED = re.compile(r"\w+: seed \d+")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant with its owner and a key, and an HTTP client that uses the key."""

    id: TenantId
    user: UUID
    key: str
    http: httpx.AsyncClient


MakeTenant = Callable[..., Awaitable[Tenant]]


def pytest_configure() -> None:
    """Make the folder that the processes of this run share; the first of them is here first."""
    gc.disable()
    if FOLDER_VARIABLE not in os.environ:
        os.environ[FOLDER_VARIABLE] = mkdtemp(prefix="groundwell-run-")


def pytest_collection_finish() -> None:
    """Let the collector pass over what lives as long as the process: all modules and all tests."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove it with the last process, the one that started the others."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(FOLDER_VARIABLE), ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures that tests of failures and attacks have written, though they passed."""
    passed = terminalreporter.getreports("passed")
    figures = [
        line
        for report in passed
        if report.when == "call" and report.nodeid.startswith(("tests/chaos/", "tests/security/"))
        for line in report.capstdout.splitlines()
        if line and not _ONLY_SEED.fullmatch(line)
    ]
    if figures:
        terminalreporter.section("figures")
        terminalreporter.write("\n".join(figures) + "\n")


@pytest.fixture(scope="session", autouse=True)
def measured_parsing_child() -> Iterator[None]:
    """Let coverage follow into the parsing child, which inherits no variables.

    The child may write below its TMPDIR only, so that this is where coverage keeps its data, and
    where the child is at home.
    """
    variable = "COVERAGE_PROCESS_CONFIG"
    make = parser._make_environment
    measured = {}
    if variable in os.environ:
        folder = Path(__file__).parents[1] / ".coverage"
        measured = {variable: os.environ[variable], "TMPDIR": str(folder), "HOME": str(folder)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "_make_environment", lambda *given: make(*given) | measured)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The embedded server, with a migrated database to copy from.

    Not in pytest's own folder: every session that starts closes that one to other users, and for
    root Postgres runs as another user.
    """
    with TemporaryDirectory(prefix="groundwell-tests-", ignore_cleanup_errors=True) as folder:
        put_cluster(Path(folder) / "data")
        server = EmbeddedPostgres.open(Path(folder) / "data")
        yield server
        server.close()


def url_of(server: EmbeddedPostgres, database: str) -> str:
    """The address of another database of the server."""
    return server.server.get_uri(database=database)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A fresh, migrated, empty database."""
    with fresh_database(postgres) as url:
        yield url


class fresh_database:  # noqa: N801 - reads as a statement
    """A database that lives as long as the block."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._name = f"test_{uuid4().hex}"

    def __enter__(self) -> str:
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            connection.execute(
                f"CREATE DATABASE {self._name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"
            )
        return url_of(self._server, self._name)

    def __exit__(self, *_: object) -> None:
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {self._name} WITH (FORCE)")


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on a fresh database, as the restricted role."""
    pool = Database(database_url, min_size=1, max_size=4)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def services_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The database of the shared app."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture(scope="session")
def services_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the shared app."""
    return tmp_path_factory.mktemp("data")


@pytest_asyncio.fixture(scope="session")
async def services(services_url: str, services_folder: Path) -> AsyncIterator[Services]:
    """The services of the shared app, with a worker that ingests."""
    settings = Settings(
        data_dir=services_folder,
        database_url=services_url,
        load_samples=False,
        # Only a fault may take away the reranker.
        reranker_timeout=PATIENCE_SECONDS,
        # All tests come from one address, and many show wrong credentials.
        limits=LimitTableSettings(failed_authentications=None),
    )
    async with running_services(settings) as opened:
        yield opened


@asynccontextmanager
async def running_services(settings: Settings) -> AsyncIterator[Services]:
    """Open services and work on their jobs."""
    async with open_services(settings) as opened:
        working = asyncio.ensure_future(opened.jobs.run())
        yield opened
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


@pytest_asyncio.fixture(scope="session")
async def app(services: Services) -> AsyncIterator[FastAPI]:
    """The ASGI application over the shared services."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[Services]:
        yield services

    application = create_app(opening())
    async with application.router.lifespan_context(application):
        yield application


@pytest_asyncio.fixture(scope="session")
async def make_tenant(app: FastAPI, services: Services) -> AsyncIterator[MakeTenant]:
    """Makes tenants with a key of the given scopes."""
    clients: list[httpx.AsyncClient] = []

    async def make(scopes: tuple[Scope, ...] = tuple(Scope)) -> Tenant:
        tenant, key = TenantId(uuid4()), make_api_key()
        async with services.database.transaction(tenant) as connection:
            user = await insert_owner(connection, tenant, "test")
            digest = digest_api_key(key, services.key_pepper)
            await insert_key(connection, tenant, user, key.id, "test", digest, scopes)
            await ensure_collection(connection, tenant, DEFAULT_COLLECTION, services.chunking)
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
            base_url="http://groundwell.test",
            headers={"Authorization": f"Bearer {key.text}"},
            timeout=PATIENCE_SECONDS,
        )
        clients.append(client)
        return Tenant(tenant, user, key.text, client)

    yield make
    for client in clients:
        await client.aclose()


@pytest_asyncio.fixture
async def tenant(make_tenant: MakeTenant) -> Tenant:
    """A tenant of the test's own, with all scopes."""
    return await make_tenant()


@pytest_asyncio.fixture(scope="session")
async def operator(make_tenant: MakeTenant, services_url: str) -> Tenant:
    """The tenant that the installation began with."""
    first = await make_tenant()
    with psycopg.connect(services_url, options=owner_options()) as owner:
        owner.execute("UPDATE tenants SET created_at = '2000-01-01' WHERE id = %s", (first.id,))
    return first


async def upload(tenant: Tenant, name: str, content: bytes, **fields: str) -> httpx.Response:
    """Upload a file."""
    return await tenant.http.post("/api/v1/documents", files={"file": (name, content)}, data=fields)


async def upload_texts(
    tenant: Tenant, documents: list[dict[str, Any]], collection: str = DEFAULT_COLLECTION
) -> list[str]:
    """Send texts as a batch, wait until they are searchable, return their ids."""
    response = await tenant.http.post(
        "/api/v1/documents/batch", json=documents, params={"collection": collection}
    )
    assert response.status_code == 202, response.text
    identities = [item["document_id"] for item in response.json()["documents"]]
    for identity in identities:
        document = await finished(tenant, identity, collection)
        assert document["status"] == "complete", document
    return identities


async def finished(
    tenant: Tenant,
    document_id: str,
    collection: str = DEFAULT_COLLECTION,
    seconds: float = PATIENCE_SECONDS,
) -> dict[str, Any]:
    """The document once it is complete or failed."""
    async with asyncio.timeout(seconds):
        while True:
            response = await tenant.http.get(
                f"/api/v1/documents/{document_id}", params={"collection": collection}
            )
            assert response.status_code == 200, response.text
            document: dict[str, Any] = response.json()
            if document["status"] in TERMINAL:
                return document
            await asyncio.sleep(0.05)


def data_folder(name: str) -> Path:
    """A folder of measuring data beside the repository; skips the test where there is none."""
    folder = Path(__file__).parents[2] / "shared" / "data" / name
    if not folder.is_dir():
        pytest.skip(f"measuring data '{name}' is not beside the repository")
    return folder
