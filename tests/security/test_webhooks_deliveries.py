"""Webhooks over HTTP, with a worker and a receiver: who is told what, and who sees it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
import logging
import re
import time
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from fastapi import FastAPI
from tests.apps.people import person, server_with
from tests.apps.test_jobs import put_waiting
from tests.conftest import Tenant, finished, fresh_database, running_services, upload
from tests.fakes.provider import Play, ScriptedProvider, reply, says, scripted_provider
from tests.security.seed import tell
from tests.security.test_row_security_alone import make_tenant as new_tenant

from groundwell.domain.documents import DocumentName
from groundwell.domain.identity import Role
from groundwell.services import Services
from groundwell.settings import Settings
from groundwell.store.documents import get_document
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.intake import Accepted

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "webhooks.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
TAKEN = says(reply("204 No Content"))
BROKEN = b"%PDF-1.7\nnothing that a reader of PDF could use"
CANARY = "canary-of-the-address"
# For what comes at once, or after a second call, on a slow machine.
WAIT_SECONDS = 120
# A call that hangs is given up after 10 s. What is to be seen while calls hang must come before; on
# a machine where it does not, it is tried again.
HANGING_SECONDS = 8
MOST_TIMES = 3

IsGenuine = Callable[[str, dict[str, str], bytes], bool]


@dataclass(frozen=True)
class Call:
    """What came to the receiver."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


@dataclass
class Setting:
    """A server that may call the receiver."""

    services: Services
    app: FastAPI
    receiver: ScriptedProvider

    def address(self) -> str:
        """An address of the test's own, whose path and query nobody else may see."""
        return f"http://127.0.0.1:{self.receiver.port}/{uuid4()}/{CANARY}?token={CANARY}"

    def calls(self, url: str) -> list[Call]:
        """The calls of an address so far."""
        target = url.partition(f":{self.receiver.port}")[2]
        found = []
        for head, body in self.receiver.raw:
            first, *lines = head.decode().split("\r\n")
            if first == f"POST {target} HTTP/1.1":
                pairs = [line.split(": ", 1) for line in lines if line]
                found.append(Call({name.lower(): value for name, value in pairs}, body))
        return found

    async def wait_for_calls(self, url: str, number: int = 1) -> list[Call]:
        async with asyncio.timeout(WAIT_SECONDS):
            while len(self.calls(url)) < number:  # noqa: ASYNC110 - the receiver gives no event
                await asyncio.sleep(0.02)
        return self.calls(url)

    async def tenant(self) -> Tenant:
        return await new_tenant(self.app, self.services)


@pytest_asyncio.fixture(scope="module")
async def setting(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Setting]:
    with fresh_database(postgres) as url:
        async with scripted_provider(TAKEN) as receiver:
            settings = Settings(
                data_dir=tmp_path_factory.mktemp("webhooks"),
                database_url=url,
                load_samples=False,
                webhook_hosts=(f"127.0.0.1:{receiver.port}",),
            )
            async with running_services(settings) as services, server_with(services) as app:
                yield Setting(services, app, receiver)


@pytest_asyncio.fixture
async def member(setting: Setting) -> AsyncIterator[Tenant]:
    """A tenant of the test's own at that server."""
    setting.receiver.play = TAKEN
    tenant = await setting.tenant()
    yield tenant
    await tenant.http.aclose()


@pytest.fixture(scope="module")
def is_genuine() -> IsGenuine:
    """The function of the documentation."""
    (source,) = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    place: dict[str, Any] = {}
    exec(compile(source, str(PAGE), "exec"), place)
    found: IsGenuine = place["is_genuine"]
    return found


async def state_of(tenant: Tenant, document_id: str, state: str | None = None) -> dict[str, Any]:
    """What the document tells of its callback, once it has that state."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            document = (await tenant.http.get(f"/api/v1/documents/{document_id}")).json()
            callback: dict[str, Any] = document["callback"]
            if state is None or callback["state"] == state:
                return callback
            await asyncio.sleep(0.02)


async def secret_of(tenant: Tenant) -> str:
    answer = await tenant.http.get("/api/v1/webhooks/secret")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["secret"])


async def test_who_asked_is_told_once_the_document_is_searchable_and_the_document_tells_so(
    setting: Setting, member: Tenant
):
    url = setting.address()
    sent = await upload(
        member, "heron.txt", b"Herons eat frogs.", document_id="a/b", callback_url=url
    )
    assert sent.status_code == 202, sent.text
    (call,) = await setting.wait_for_calls(url)
    told = await state_of(member, "a/b", "delivered")
    assert (told["host"], told["tries"], told["error"]) == ("127.0.0.1", 1, None)
    assert told["event_id"] == call.headers["webhook-id"]
    assert (call.event["type"], call.event["data"]["document_id"]) == ("document.completed", "a/b")
    assert call.headers["content-type"] == "application/json"
    assert b"Herons" not in call.body
    assert b"heron.txt" not in call.body
    listed = (await member.http.get("/api/v1/documents")).json()["documents"]
    assert [each["callback"] for each in listed] == [told]
    plain = await upload(member, "other.txt", b"Storks.", document_id="plain")
    assert plain.status_code == 202
    assert (await finished(member, "plain"))["callback"] is None


async def test_the_signature_is_that_of_standard_webhooks_and_the_recipe_of_the_docs_checks_it(
    setting: Setting, member: Tenant, is_genuine: IsGenuine
):
    url = setting.address()
    await upload(member, "a.txt", b"Herons eat frogs.", callback_url=url)
    (call,) = await setting.wait_for_calls(url)
    secret = await secret_of(member)
    # By hand, from the specification.
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    assert len(key) == 32
    event, at = call.headers["webhook-id"], call.headers["webhook-timestamp"]
    signed = b".".join([event.encode(), at.encode(), call.body])
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == f"v1,{signature}"
    # Seconds of now, not of another unit or time zone.
    assert abs(time.time() - int(at)) < 240
    # By the recipe.
    assert is_genuine(secret, call.headers, call.body)
    assert not is_genuine(secret, call.headers, call.body + b" ")
    for name, other in (
        ("webhook-id", str(uuid4())),
        ("webhook-timestamp", str(int(at) + 1)),
        ("webhook-timestamp", str(int(at) - 3600)),
        ("webhook-timestamp", "soon"),
        ("webhook-signature", "v1,AAAA"),
        ("webhook-signature", ""),
    ):
        assert not is_genuine(secret, {**call.headers, name: other}, call.body), name
    stranger = await setting.tenant()
    assert not is_genuine(await secret_of(stranger), call.headers, call.body)
    both = f"v1,AAAA v1,{signature}"
    assert is_genuine(secret, {**call.headers, "webhook-signature": both}, call.body)
    await stranger.http.aclose()


async def test_the_secret_is_for_administrators_and_its_reading_is_recorded(
    setting: Setting, member: Tenant
):
    answer = await member.http.get("/api/v1/webhooks/secret")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["secret"] == await secret_of(member)
    entries = (await member.http.get("/api/v1/audit")).json()["entries"]
    read = [entry for entry in entries if entry["action"] == "webhook_secret.read"]
    assert [entry["actor"] for entry in read] == [str(member.user)] * 2
    assert answer.json()["secret"] not in json.dumps(entries)
    for role in (Role.MEMBER, Role.READER):
        async with person(setting.app, member, role) as client:
            refused = await client.get("/api/v1/webhooks/secret")
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")


async def test_a_batch_is_one_event_a_document(setting: Setting, member: Tenant):
    url = setting.address()
    texts = [{"id": name, "text": f"Text of {name}."} for name in "abc"]
    sent = await member.http.post(
        "/api/v1/documents/batch", json=texts, params={"callback_url": url}
    )
    assert sent.status_code == 202, sent.text
    calls = await setting.wait_for_calls(url, 3)
    assert sorted(call.event["data"]["document_id"] for call in calls) == ["a", "b", "c"]
    assert len({call.headers["webhook-id"] for call in calls}) == 3


async def test_a_file_that_cannot_be_read_is_told_with_its_code_and_again_after_a_retry(
    setting: Setting, member: Tenant
):
    url = setting.address()
    await upload(member, "broken.pdf", BROKEN, document_id="broken", callback_url=url)
    await setting.wait_for_calls(url)
    await state_of(member, "broken", "delivered")
    again = await member.http.post("/api/v1/documents/broken/retry")
    assert again.status_code == 202
    first, second = await setting.wait_for_calls(url, 2)
    for call in (first, second):
        assert (call.event["type"], call.event["data"]["error_code"]) == (
            "document.failed",
            "corrupt",
        )
    assert first.headers["webhook-id"] != second.headers["webhook-id"]


async def test_a_cancelled_document_is_told_as_cancelled(setting: Setting, member: Tenant):
    url = setting.address()
    await put_waiting(setting.services, member, "a", "Herons eat frogs.")
    webhooks = setting.services.webhooks
    async with setting.services.database.transaction(member.id) as connection:
        document = await get_document(connection, DocumentName("a"))
        accepted = Accepted(document.uid, "a", document.status, 1, True)
        wish = webhooks.read_wish(member.user, url)
        await webhooks.ask(connection, member.id, wish, [accepted])
    assert (await state_of(member, "a"))["state"] == "waiting"
    assert (await member.http.post("/api/v1/documents/a/cancel")).status_code == 200
    (call,) = await setting.wait_for_calls(url)
    assert call.event["type"] == "document.cancelled"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "http://localhost:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://user@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}@example.org/",
        "http://169.254.169.254/latest/meta-data/",
        "https://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/_x",
    ],
)
async def test_an_address_that_may_not_be_called_is_refused_and_nothing_is_taken_in(
    setting: Setting, member: Tenant, url: str
):
    url = url.replace("{port}", str(setting.receiver.port))
    answers = [
        await upload(member, "a.txt", b"Herons.", callback_url=url),
        await member.http.post(
            "/documents/batch", json=[{"text": "Herons."}], params={"callback_url": url}
        ),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (422, "url_refused")
        assert url not in answer.text
    assert (await member.http.get("/documents")).json()["documents"] == []


async def test_a_server_that_nobody_has_told_whom_to_call_calls_nobody(tenant: Tenant):
    answer = await upload(tenant, "a.txt", b"Herons.", callback_url="https://example.org/")
    assert (answer.status_code, answer.json()["code"]) == (422, "url_refused")
    assert "webhook_hosts" in answer.json()["detail"]


async def test_a_receiver_that_redirects_inwards_is_not_followed_and_the_document_says_so(
    setting: Setting, member: Tenant
):
    inner = setting.address()
    setting.receiver.play = says(reply("302 Found", headers=f"Location: {inner}\r\n"))
    url = setting.address()
    await upload(member, "a.txt", b"Herons.", document_id="a", callback_url=url)
    await setting.wait_for_calls(url)
    async with asyncio.timeout(WAIT_SECONDS):
        while (told := await state_of(member, "a"))["tries"] == 0:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)
    assert (told["state"], told["tries"]) == ("waiting", 1)
    assert told["error"] == "The receiver redirects (HTTP 302): none is followed."
    assert setting.calls(inner) == []


async def test_the_same_key_with_another_address_is_another_request(
    setting: Setting, member: Tenant
):
    for url, status in ((setting.address(), 202), (setting.address(), 409)):
        answer = await member.http.post(
            "/documents",
            files={"file": ("a.txt", b"Herons.")},
            data={"callback_url": url},
            headers={"Idempotency-Key": "one"},
        )
        assert answer.status_code == status


async def test_other_tenants_and_other_users_of_a_private_document_see_no_callback(
    setting: Setting, member: Tenant
):
    url = setting.address()
    await upload(
        member, "a.txt", b"Herons.", document_id="a", callback_url=url, visibility="private"
    )
    await setting.wait_for_calls(url)
    stranger = await setting.tenant()
    async with person(setting.app, member, Role.MEMBER) as colleague:
        for client in (stranger.http, colleague):
            assert (await client.get("/documents/a")).status_code == 404
            assert "callback-" not in (await client.get("/documents")).text
            assert (await client.get("/documents")).json()["documents"] == []
    everything = setting.services.database
    for asking, seen in ((member.id, 0), (stranger.id, 0)):
        async with everything.transaction(asking) as connection:
            cursor = await connection.execute("SELECT count(*) FROM callbacks")
            assert await cursor.fetchone() == (seen,)
    async with everything.unrestricted.transaction(member.id) as connection:
        cursor = await connection.execute("SELECT count(*) FROM callbacks")
        assert await cursor.fetchone() == (1,)
    await stranger.http.aclose()


async def test_an_export_has_the_whole_address_and_a_deleted_document_leaves_none(
    setting: Setting, member: Tenant
):
    url = setting.address()
    await upload(member, "a.txt", b"Herons.", document_id="a", callback_url=url)
    await state_of(member, "a", "delivered")
    for address in ("/api/v1/users/me/export", "/api/v1/tenant/export"):
        archive = zipfile.ZipFile(io.BytesIO((await member.http.get(address)).content))
        (line,) = archive.read("callbacks.jsonl").splitlines()
        assert (json.loads(line)["callback_url"], json.loads(line)["state"]) == (url, "delivered")
    assert (await member.http.delete("/documents/a")).status_code == 204
    async with setting.services.database.unrestricted.transaction(member.id) as connection:
        cursor = await connection.execute("SELECT count(*) FROM callbacks")
        assert await cursor.fetchone() == (0,)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """All that is logged, by anybody, at any level, with all fields."""
    lines: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            # The client of these tests tells whom it calls.
            if record.name != "httpx":
                lines.append(f"{record.getMessage()} {vars(record)}")

    root, keeper = logging.getLogger(), Keeper(logging.DEBUG)
    level = root.level
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(keeper)
    root.setLevel(level)


async def test_path_and_query_are_in_no_line_of_the_log_no_answer_and_no_job(
    setting: Setting, member: Tenant, logged: list[str]
):
    setting.receiver.play = says(reply("500 Oops", CANARY.encode()))
    url = setting.address()
    answers = [
        await upload(member, "a.txt", b"Herons.", document_id="a", callback_url=url),
        await member.http.post(
            "/documents/batch", json=[{"text": "Storks."}], params={"callback_url": url}
        ),
    ]
    await setting.wait_for_calls(url)
    async with asyncio.timeout(WAIT_SECONDS):
        while (await state_of(member, "a"))["error"] is None:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)
    answers += [await member.http.get(at) for at in ("/documents/a", "/documents", "/api/v1/jobs")]
    async with setting.services.database.anonymous_transaction() as connection:
        cursor = await connection.execute("SELECT args::text FROM procrastinate_jobs")
        jobs = [args for (args,) in await cursor.fetchall()]
    assert any("events" in args for args in jobs)
    assert any("deliver_callbacks" in line for line in logged)
    for text in (*logged, *jobs, *(answer.text for answer in answers)):
        assert CANARY not in text


async def test_a_receiver_that_hangs_does_not_hold_up_the_documents_of_others(
    setting: Setting, member: Tenant
):
    for _ in range(MOST_TIMES):
        held, seconds = await hold_up_calls(setting, member)
        if seconds < HANGING_SECONDS:
            break
    tell(f"{held} calls hang; a document of another tenant is complete after {seconds:.1f} s")
    assert seconds < HANGING_SECONDS
    assert held <= 16, "no more at once than a job has places for, in two jobs"


async def hold_up_calls(setting: Setting, member: Tenant) -> tuple[int, float]:
    """How many calls hang, and the seconds from the first of them until another's document is done.

    In the end all events have come.
    """
    let_go = asyncio.Event()

    async def hangs(_: object, writer: asyncio.StreamWriter) -> None:
        await let_go.wait()
        writer.write(reply("200 OK"))

    play: Play = hangs
    setting.receiver.play = play
    url = setting.address()
    other = await setting.tenant()
    texts = [{"id": f"n{n}", "text": f"Note {n} on herons, {url}."} for n in range(40)]
    await member.http.post("/documents/batch", json=texts, params={"callback_url": url})
    await setting.wait_for_calls(url)
    begun = time.monotonic()
    await setting.wait_for_calls(url, 8)
    await upload(other, "a.txt", b"Storks eat mice.", document_id="a")
    assert (await finished(other, "a"))["status"] == "complete"
    seconds = time.monotonic() - begun
    held = len(setting.calls(url))
    let_go.set()
    async with asyncio.timeout(WAIT_SECONDS):
        # A call that was given up meanwhile comes again.
        while len({call.headers["webhook-id"] for call in setting.calls(url)}) < 40:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)
    await other.http.aclose()
    return held, seconds
