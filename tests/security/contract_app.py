"""The app that the tests of the contract ask, and what is there for requests to name.

It answers many thousand requests, and has only what their answers are made of: no reranker, no
spelling, and a worker until there is something to find. What comes later stays queued.
"""

from __future__ import annotations

import asyncio
import threading
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import schemathesis
from fastapi import FastAPI
from schemathesis.python import asgi

from groundwell.bootstrap import open_services
from groundwell.first_start import ensure_owner
from groundwell.main import create_app
from groundwell.services import Services
from groundwell.settings import Settings
from groundwell.settings.limit_table import LimitTableSettings

# Of ten valid requests that name something, so many name what is there.
REAL_OF_TEN = 3
# Of each kind, so many outlive the test; the others may be changed and deleted.
LASTING, PASSING = 8, 24


@dataclass
class Estate:
    """What is there to be named, by the name of the parameter that names it."""

    own: frozenset[str] = frozenset()
    ids: dict[str, list[str]] = field(default_factory=dict)
    # Cases of which something else was named than the step before had made.
    renamed: set[str] = field(default_factory=set)

    def sparing(self, case: schemathesis.Case) -> schemathesis.Case:
        """Let no step of a sequence take away who asks, or name nothing by an empty name."""
        for name, value in list(case.path_parameters.items()):
            is_own = case.method in ("DELETE", "PATCH") and value in self.own
            # Steps may name what a form left empty.
            if is_own or not value:
                case.path_parameters[name] = self.ids.get(name, ["nothing"])[-1]
                self.renamed.add(case.id)
        return case

    def naming(self, case: schemathesis.Case) -> schemathesis.Case:
        """Let some cases name what is there, and none take away what the others need."""
        takes_away = case.method in ("DELETE", "PATCH")
        spared = {name for names in self.ids.values() for name in names[:LASTING]} | self.own
        chance = zlib.crc32(repr(sorted(case.path_parameters.items())).encode())
        for name, value in list(case.path_parameters.items()):
            ids = self.ids.get(name)
            if ids is None:
                continue
            is_valid = case.meta is None or case.meta.generation.mode.is_positive
            is_real = is_valid and chance % 10 < REAL_OF_TEN
            if is_real or (takes_away and value in spared):
                choice = ids[LASTING:] if takes_away else ids[:LASTING]
                case.path_parameters[name] = choice[chance // 10 % len(choice)]
        return case


@dataclass
class Running:
    """The app on the event loop of schemathesis, with the owner's key and what can be named."""

    app: FastAPI
    key: str
    estate: Estate


@contextmanager
def running_app(database_url: str, data_dir: Path) -> Iterator[Running]:
    """The app, and documents in it that are ready to be found."""
    settings = Settings(
        data_dir=data_dir,
        database_url=database_url,
        load_samples=False,
        reranker="none",
        spelling=False,
        webhook_hosts=("*",),
        limits=LimitTableSettings(failed_authentications=None),
    )
    keys: list[str] = []
    furnished = threading.Event()

    @asynccontextmanager
    async def opening() -> AsyncIterator[Services]:
        async with open_services(settings) as services:
            owner = await ensure_owner(services, settings.data_dir)
            keys.append(str(owner.new_key))
            working = asyncio.ensure_future(_work_until(services, furnished))
            yield services
            await working

    app = create_app(opening())
    try:
        with asgi.get_client(app) as client:
            client.get(f"http://{asgi.HOST}/health")
            key = f"Bearer {keys[0]}"
            client.headers["Authorization"] = key
            try:
                estate = furnish(client)
            finally:
                furnished.set()
            yield Running(app, key, estate)
    finally:
        asgi.shutdown_lifespans()


async def _work_until(services: Services, furnished: threading.Event) -> None:
    working = asyncio.ensure_future(services.jobs.run())
    await asyncio.to_thread(furnished.wait)
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working


def furnish(client: requests.Session) -> Estate:
    """Make what requests can name."""
    base = f"http://{asgi.HOST}/api/v1"

    def get(path: str, **query: str | int) -> Any:  # noqa: ANN401 - JSON
        return client.get(base + path, params=query).json()

    def make(path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        made = client.post(base + path, json=body)
        assert made.ok, made.text
        return made.json()

    own = frozenset({get("/users/me")["id"], get("/keys")["keys"][0]["id"]})
    numbers = range(LASTING + PASSING)
    judged = [{"query": "sleep", "relevant": [{"document_id": "paper-1"}]}]
    papers = [{"id": f"paper-{n}", "text": f"Sleep number {n} helps."} for n in numbers]
    taken = make("/documents/batch", papers)["documents"]
    made: dict[str, list[Any]] = {
        "name": [make("/collections", {"name": f"shelf-{n}"}) for n in numbers],
        "conversation_id": [make("/conversations", {}) for _ in numbers],
        "user_id": [make("/users", {"name": "Ann"}) for _ in numbers],
        "key_id": [make("/keys", {"name": "key", "scopes": ["read"]}) for _ in numbers],
        "set_id": [make("/evals/sets", {"name": f"{n}", "judgements": judged}) for n in numbers],
        # Not many at once: evaluations that wait may be bounded.
        "run_id": [make("/evals/runs", {"set": "1"}) for _ in numbers[: 2 * LASTING]],
    }
    ids = {kind: [str(one.get("id", one.get("name"))) for one in made[kind]] for kind in made}
    ids["document_id"] = [document["document_id"] for document in taken]
    files = [{"filename": f"{n}.txt", "file_size": 5} for n in numbers]
    ids["upload_id"] = [make("/uploads", file)["upload"]["upload_id"] for file in files]
    deadline = time.monotonic() + 300
    while get("/documents", status="complete", limit=1)["counts"]["complete"] < len(papers):
        assert time.monotonic() < deadline, get("/documents")["counts"]
        time.sleep(0.05)
    ids["job_id"] = [job["job_id"] for job in get("/jobs", limit=len(papers))["jobs"]]
    return Estate(own, ids)
