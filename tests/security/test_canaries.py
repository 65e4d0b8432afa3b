"""No secret and no text of anybody in what a server says of itself, whatever goes wrong."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from tests.apps.operations import BODIES, operations, send
from tests.apps.people import make_key, make_user, server_with
from tests.conftest import Tenant, finished, upload, upload_texts
from tests.fakes.identity_provider import AUDIENCE, ISSUER, IdentityProvider
from tests.fakes.staged_server import staged
from tests.security.canaries import Canaries
from tests.unit.adapters.parser.sample_files import make_pdf

from groundwell.adapters.language_model.openai import OpenAILanguageModel
from groundwell.adapters.token_verifier.pyjwt import ClaimRules, KeyFile, PyJwtVerifier
from groundwell.cli.log_lines import FIELDS
from groundwell.cli.logs import make_handler
from groundwell.domain.access import AccessMode, AccessRules
from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.generation.answer import Answerer
from groundwell.services import Services
from groundwell.store.database import owner_options

KNOWN_KEYS = {
    "time",
    "level",
    "logger",
    "event",
    "request_id",
    "tenant",
    "user",
    "job",
    "exception",
}


@dataclass
class Logs:
    """The lines in both formats, of this process."""

    json: io.StringIO
    text: io.StringIO


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Everything that the product logs at `debug`."""
    caught = Logs(io.StringIO(), io.StringIO())
    handlers = [make_handler("json", caught.json), make_handler("text", caught.text)]
    root = logging.getLogger()
    levels = {"groundwell": logging.DEBUG, "procrastinate": logging.INFO}
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    for handler in handlers:
        root.addHandler(handler)
    yield caught
    for handler in handlers:
        root.removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


class BrokenSearch:
    """Has a bug, whose message quotes what it was given."""

    async def search(self, request: SearchRequest) -> SearchResponse:
        nothing: dict[str, SearchResponse] = {}
        try:
            return nothing[request.query]
        except KeyError as error:
            raise RuntimeError(f"cannot search for {request.query!r}\n{request}") from error


class Walk:
    """Goes over the API and hands every problem document to the canaries."""

    def __init__(self, canaries: Canaries) -> None:
        self.canaries = canaries
        self.statuses: set[int] = set()

    async def note(self, response: httpx.Response) -> None:
        await response.aread()
        self.statuses.add(response.status_code)
        if response.headers.get("content-type") == "application/problem+json":
            self.canaries.search(f"problem of {response.request.url.path}", response.text)

    @asynccontextmanager
    async def client(self, app: FastAPI, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
            base_url="http://groundwell.test",
            headers=headers,
            event_hooks={"response": [self.note]},
        ) as client:
            yield client


def with_query(body: object, query: str) -> object:
    """A body of the operations' list, asking for something else."""
    if isinstance(body, dict):
        asked = {"query", "text"}
        return {k: query if k in asked else with_query(v, query) for k, v in body.items()}
    return body


async def walk_everywhere(client: httpx.AsyncClient, app: FastAPI, canaries: Canaries) -> None:
    """Every operation, for nothing that exists, and with a body that is refused."""
    nowhere = "00000000-0000-4000-8000-000000000000"
    for operation in operations(app):
        names = {part[1:-1].partition(":")[0] for part in operation.path.split("/") if "{" in part}
        address = operation.address(**dict.fromkeys(names, nowhere))
        if body := BODIES.get(operation.name, {}).get("json"):
            asked = with_query(body, canaries["query"])
            await client.request(operation.method, address, json=asked)
            await client.request(operation.method, address, json=[canaries["query"]])
            torn = json.dumps(asked).encode()[:-1]
            as_json = {"Content-Type": "application/json"}
            await client.request(operation.method, address, content=torn, headers=as_json)
        else:
            await send(client, operation, f"{address}?{canaries['query']}={canaries['query']}")


async def fail_elsewhere(walk: Walk, services: Services, tenant: Tenant) -> None:
    """A provider that tells everything it was told, in answers of every kind."""
    canaries = walk.canaries
    key, prompt = canaries["provider key"], canaries["prompt"]
    told = f"{key} {prompt}"
    body = json.dumps({"error": {"message": told}}).encode()
    head = b"Content-Type: application/json\r\nX-Told: %s\r\n" % told.encode()
    refusals = [
        b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, head, len(body), body)
        for status in (b"401 No", b"429 Wait", b"500 " + told.encode(), b"200 OK")
    ]
    async with staged(*(refusal for refusal in refusals for _ in range(4))) as stage:
        model = OpenAILanguageModel(f"http://127.0.0.1:{stage.port}/v1/", key, "small")
        broken = Answerer(services.embedder, model)
        async with (
            server_with(services, answerer=broken, uncached_retriever=BrokenSearch()) as server,
            walk.client(server, Authorization=f"Bearer {tenant.key}") as client,
        ):
            for stream in (False, True, False, True):
                asked = {"query": f"Where does the {prompt} sleep?", "stream": stream}
                await client.post("/api/v1/ask", json=asked)
            uncached = {"Cache-Control": "no-store"}
            for path in ("/api/v1/search", "/api/v1/ask", "/query"):
                await client.post(path, json={"query": prompt}, headers=uncached)
        await model.close()
        assert stage.requests, "the provider was not asked"


async def knock(walk: Walk, services: Services, tenant: Tenant, folder: Path) -> None:
    """Credentials of every kind, good ones and bad ones."""
    canaries = walk.canaries
    provider = IdentityProvider()
    (folder / "keys").write_bytes(provider.key_set)
    rules = ClaimRules("RS256", ISSUER, AUDIENCE, tenant_claim="tenant")
    verifier = PyJwtVerifier(KeyFile(folder / "keys", "RS256"), rules)
    token = provider.token(tenant=str(tenant.id), sub="ann")
    canaries.add("token", token.split(".")[2])
    gateway = canaries["gateway secret"] * 2
    by_gateway = {"X-Groundwell-User": "ann", "X-Groundwell-Tenant": str(tenant.id)}
    for access, tokens in (
        (AccessRules(AccessMode.JWT), verifier),
        (AccessRules(AccessMode.GATEWAY, gateway.encode()), None),
    ):
        async with (
            server_with(services, access=access, tokens=tokens) as server,
            walk.client(server) as client,
        ):
            for headers in (
                {"Authorization": f"Bearer {token}"},
                {"Authorization": f"Bearer {token}x"},
                {"Authorization": f"Basic {canaries['password']}"},
                {"Authorization": f"Bearer {tenant.key[:-1]}0"},
                {"X-API-Key": tenant.key},
                {"X-API-Key": canaries["password"], "X-Request-ID": canaries["password"] + "\r"},
                {"X-Groundwell-Gateway-Secret": gateway, **by_gateway},
                {"X-Groundwell-Gateway-Secret": gateway + "x", **by_gateway},
            ):
                await client.get("/api/v1/users/me", headers=headers)
            await server.state.refusals.flush()


async def fail_jobs(tenant: Tenant, url: str, canaries: Canaries) -> None:
    """Files that cannot be read, and a database that refuses rows while it quotes them."""
    text = canaries["text of a file"]
    torn = make_pdf(f"The {text} sleeps.")[:-200].replace(b"endobj", b"end" + text[:6].encode())
    for name, content in (
        (f"{canaries['file name']}.pdf", torn),
        ("empty.docx", b"PK\x03\x04" + text.encode()),
        ("wild.txt", text.encode() + b"\xff\xfe\x80" * 50),
    ):
        answer = await upload(tenant, name, content)
        if answer.status_code == 202:
            await finished(tenant, answer.json()["document_id"])
    word = canaries["text of a batch"]
    with psycopg.connect(url, options=owner_options(), autocommit=True) as owner:
        owner.execute(
            f"ALTER TABLE chunks ADD CONSTRAINT no_canary CHECK (text NOT LIKE '%{word[:12]}%')"
        )
        answer = await tenant.http.post(
            "/api/v1/documents/batch", json=[{"id": "refused", "text": f"The {word} sings."}]
        )
        refused = answer.json()["documents"][0]["document_id"]
        document = await finished(tenant, refused, seconds=300)
        owner.execute("ALTER TABLE chunks DROP CONSTRAINT no_canary")
    assert document["status"] == "failed", document
    canaries.search("error of a document", json.dumps(document))
    with psycopg.connect(url, options=owner_options()) as owner:
        rows = owner.execute("SELECT args::text FROM procrastinate_jobs").fetchall()
        rows += owner.execute("SELECT type::text FROM procrastinate_events").fetchall()
        rows += owner.execute("SELECT error_code, error_message FROM documents").fetchall()
        # A name is no secret to its owner: an error about a file says which file it is.
        shown = str(rows).replace(canaries["file name"], "")
        canaries.search("jobs and their errors", shown)


async def test_no_canary_is_found_in_logs_metrics_problems_jobs_and_audit(
    app: FastAPI,
    services: Services,
    services_url: str,
    operator: Tenant,
    tenant: Tenant,
    tmp_path: Path,
    logs: Logs,
) -> None:
    canaries = Canaries()
    canaries.add("key", tenant.key.split("_")[2])
    canaries.add("pepper", services.key_pepper.decode())
    walk = Walk(canaries)
    user = await make_user(tenant)
    made = await make_key(tenant, user_id=user["id"], scopes=["read"])
    canaries.add("made key", made["key"].split("_")[2])
    await upload_texts(
        tenant, [{"id": "a", "text": f"The {canaries['document']} eats the {canaries['prompt']}."}]
    )
    async with walk.client(app, Authorization=f"Bearer {tenant.key}") as client:
        await walk_everywhere(client, app, canaries)
    async with walk.client(app, Authorization=f"Bearer {made['key']}") as client:
        await client.get("/metrics")
        await client.post("/api/v1/users", json={"name": canaries["query"]})
    await fail_elsewhere(walk, services, tenant)
    await knock(walk, services, tenant, tmp_path)
    await fail_jobs(tenant, services_url, canaries)
    await tenant.http.delete("/api/v1/documents/a", params={canaries["query"]: "x"})
    await app.state.refusals.flush()

    canaries.search("/metrics", (await operator.http.get("/metrics")).text)
    audit = (await tenant.http.get("/api/v1/audit", params={"limit": 500})).text
    canaries.search("audit log", audit)
    canaries.search("log as JSON", logs.json.getvalue())
    canaries.search("log as text", logs.text.getvalue())
    sys.stdout.write(canaries.verdict())
    assert canaries.hits == []
    assert canaries.lines > 300
    assert {200, 400, 401, 403, 404, 422, 500} <= walk.statuses
    for sign in ("RuntimeError", "CheckViolation", "KeyError", '"event": "job"', "Starting job"):
        assert sign in logs.json.getvalue(), sign
    for line in logs.json.getvalue().splitlines():
        assert set(json.loads(line)) <= KNOWN_KEYS | set(FIELDS), line
