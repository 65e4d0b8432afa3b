"""Events are written with the end of a document, and delivered at least once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest
from psycopg import Rollback
from tests.fakes.callback_sender import FakeCallbackSender
from tests.unit.ingestion.test_ingest import FakeJobs
from tests.unit.store.setting import Shelf, accept, indexed, make_shelf, new_document, swap, works

from groundwell.domain.documents import Callback, CallbackState, DocumentUid
from groundwell.domain.errors import UnavailableError
from groundwell.domain.webhooks.hosts import HostRules
from groundwell.ingestion.webhooks import DELIVER_JOB, PAUSES_SECONDS, Webhooks, announce
from groundwell.ports.callback_sender import Fate, Receipt
from groundwell.ports.job_engine import Attempt, JobArguments
from groundwell.store.callbacks import ask_again
from groundwell.store.chunks import delete_document
from groundwell.store.database import Database
from groundwell.store.documents import get_document
from groundwell.store.identity import find_first_owner
from groundwell.store.ingestion import fail_unfinished
from groundwell.store.ingestion_jobs import cancel
from groundwell.store.intake import Accepted

URL = "https://hooks.example.org/in?token=1"
AWAY = Receipt(Fate.AWAY, "The receiver could not be reached.")
FAILED = Receipt(Fate.FAILED, "The receiver answered with HTTP 500.")
REFUSED = Receipt(Fate.REFUSED, "No.")
DELIVERED = Receipt(Fate.DELIVERED)
KEY = b"the server's own key"


@dataclass
class Setting:
    """Webhooks over a real database; the test runs the jobs."""

    shelf: Shelf
    sender: FakeCallbackSender = field(default_factory=FakeCallbackSender)
    jobs: FakeJobs = field(default_factory=FakeJobs)

    def __post_init__(self) -> None:
        rules = HostRules(["*.example.org", "*.example.net"])
        self.everything = self.shelf.database.unrestricted
        self.webhooks = Webhooks(
            self.everything, self.jobs, rules, self.sender, KEY, lambda: 1_700_000_000.9
        )

    async def take_in(self, text: str, url: str = URL, **fields: object) -> Accepted:
        """Hand in a document that somebody wants to be told about."""
        (accepted,) = await accept(self.shelf, new_document(text, **fields))
        await self.ask(accepted, url)
        return accepted

    async def ask(self, accepted: Accepted, url: str = URL) -> None:
        async with self.everything.anonymous_transaction() as connection:
            owner = await find_first_owner(connection)
        assert owner is not None
        wish = self.webhooks.read_wish(owner[1], url)
        async with self.everything.transaction(self.shelf.tenant) as connection:
            await self.webhooks.ask(connection, self.shelf.tenant, wish, [accepted])

    async def announce(self, *accepted: Accepted) -> None:
        uids = [item.uid for item in accepted]
        async with self.everything.transaction(self.shelf.tenant) as connection:
            await announce(connection, self.jobs, self.shelf.tenant, uids)

    async def complete(self, *accepted: Accepted) -> None:
        await swap(self.shelf, [indexed(work) for work in await works(self.shelf, accepted)])
        await self.announce(*accepted)

    async def deliver(self, arguments: JobArguments | None = None) -> JobArguments:
        """Run the job that waits, or that one again."""
        if arguments is None:
            ((name, arguments),) = self.jobs.waiting
            assert name == DELIVER_JOB
            self.jobs.waiting.clear()
        await self.jobs.kinds[DELIVER_JOB].run(arguments, Attempt(0, 1))
        return arguments

    async def callback(self, accepted: Accepted) -> Callback:
        async with self.everything.transaction(self.shelf.tenant) as connection:
            document = await get_document(connection, accepted.id)
        assert document.callback is not None
        return document.callback

    @property
    def events(self) -> list[dict[str, object]]:
        return [json.loads(body) for _, _, body in self.sender.sent]


@pytest.fixture
async def setting(database: Database, database_url: str) -> Setting:
    return Setting(await make_shelf(database, database_url))


async def test_a_document_that_is_complete_is_told_with_ids_state_and_counts(setting: Setting):
    accepted = await setting.take_in("Herons eat frogs.", id="birds/heron")
    assert (await setting.callback(accepted)).state is CallbackState.WAITING
    assert setting.jobs.waiting == []
    await setting.complete(accepted)
    await setting.deliver()
    (event,) = setting.events
    data = event["data"]
    assert isinstance(data, dict)
    assert event["type"] == "document.completed"
    assert str(event["timestamp"]).endswith("Z")
    assert data.pop("requested_at") < event["timestamp"]
    assert data == {
        "document_id": "birds/heron",
        "collection": "default",
        "version": 1,
        "status": "complete",
        "error_code": None,
        "chunk_count": 1,
    }
    told = await setting.callback(accepted)
    assert (told.state, told.tries, told.error) == (CallbackState.DELIVERED, 1, None)
    assert told.host == "hooks.example.org"
    ((url, headers, _),) = setting.sender.sent
    assert url == URL
    assert headers["webhook-id"] == str(told.event)
    assert headers["webhook-timestamp"] == "1700000000"


async def test_event_and_job_are_there_exactly_if_the_document_is_finished(setting: Setting):
    accepted = await setting.take_in("Herons eat frogs.")
    uids = [accepted.uid]
    async with setting.everything.transaction(setting.shelf.tenant) as connection:
        await fail_unfinished(connection, uids, "ingestion_failed", "Broken.", 1 << 40)
        await announce(connection, setting.jobs, setting.shelf.tenant, uids)
        raise Rollback
    # The stand-in for the queue knows nothing of transactions: the row tells.
    setting.jobs.waiting.clear()
    await setting.announce(accepted)
    assert setting.jobs.waiting == []
    async with setting.everything.transaction(setting.shelf.tenant) as connection:
        await fail_unfinished(connection, uids, "ingestion_failed", "Broken.", 1 << 40)
        await announce(connection, setting.jobs, setting.shelf.tenant, uids)
    await setting.announce(accepted)
    await setting.deliver()
    (event,) = setting.events
    assert event["type"] == "document.failed"
    assert "Broken" not in json.dumps(event)
    assert "Herons" not in json.dumps(event)


async def test_a_cancelled_document_and_a_cancelled_version_are_told_as_such(setting: Setting):
    fresh = await setting.take_in("Herons eat frogs.", id="a")
    old = await setting.take_in("Storks eat frogs.", id="b")
    await setting.complete(old)
    await setting.deliver()
    new = await setting.take_in("Storks eat mice.", id="b")
    assert new.version == 2
    for accepted in (fresh, new):
        async with setting.everything.transaction(setting.shelf.tenant) as connection:
            await cancel(connection, accepted.uid)
            await announce(connection, setting.jobs, setting.shelf.tenant, [accepted.uid])
        await setting.deliver()
    assert [event["type"] for event in setting.events] == [
        "document.completed",
        "document.cancelled",
        "document.cancelled",
    ]
    data = setting.events[-1]["data"]
    assert isinstance(data, dict)
    assert (data["version"], data["status"], data["error_code"]) == (2, "failed", "cancelled")


async def test_a_version_that_is_replaced_before_it_is_searchable_is_told_too(setting: Setting):
    await setting.take_in("Herons eat frogs.", id="a")
    newer = await setting.take_in("Herons eat fish.", id="a", url="https://b.example.org/")
    await setting.complete(newer)
    for name, arguments in list(setting.jobs.waiting):
        assert name == DELIVER_JOB
        await setting.deliver(arguments)
    told = {
        url: (event["type"], event["data"]["version"], event["data"]["error_code"])  # type: ignore[index] - JSON
        for (url, _, _), event in zip(setting.sender.sent, setting.events, strict=True)
    }
    assert told == {
        URL: ("document.failed", 1, "replaced"),
        "https://b.example.org/": ("document.completed", 2, None),
    }


async def test_who_asks_about_a_document_that_needs_no_work_is_told_at_once(setting: Setting):
    first = await setting.take_in("Herons eat frogs.", id="a")
    await setting.complete(first)
    await setting.deliver()
    again = await setting.take_in("Herons eat frogs.", id="a")
    assert not again.has_work
    await setting.deliver()
    assert [event["type"] for event in setting.events] == ["document.completed"] * 2
    ids = {headers["webhook-id"] for _, headers, _ in setting.sender.sent}
    assert len(ids) == 2


async def test_the_same_wish_twice_is_one_call_and_two_addresses_are_two(setting: Setting):
    accepted = await setting.take_in("Herons eat frogs.", id="a")
    await setting.ask(accepted)
    await setting.ask(accepted, "https://b.example.org/")
    await setting.complete(accepted)
    await setting.deliver()
    assert sorted(url for url, _, _ in setting.sender.sent) == ["https://b.example.org/", URL]


async def test_who_asked_is_told_again_when_the_document_is_tried_again(setting: Setting):
    accepted = await setting.take_in("Herons eat frogs.", id="a")
    async with setting.everything.transaction(setting.shelf.tenant) as connection:
        await fail_unfinished(connection, [accepted.uid], "ingestion_failed", "Broken.", 0)
    await setting.announce(accepted)
    await setting.deliver()
    async with setting.everything.transaction(setting.shelf.tenant) as connection:
        await connection.execute("UPDATE documents SET status = 'pending'")
        await ask_again(connection, accepted.uid)
    await setting.complete(accepted)
    await setting.deliver()
    assert [event["type"] for event in setting.events] == ["document.failed", "document.completed"]


async def test_a_worker_that_dies_after_a_call_calls_again_with_the_same_id_and_bytes(
    setting: Setting,
):
    setting.sender.receipts = [asyncio.CancelledError(), DELIVERED]
    accepted = await setting.take_in("Herons eat frogs.")
    await setting.complete(accepted)
    ((_, arguments),) = setting.jobs.waiting
    with pytest.raises(asyncio.CancelledError):
        await setting.deliver()
    assert (await setting.callback(accepted)).state is CallbackState.WAITING
    await setting.deliver(arguments)
    await setting.deliver(arguments)
    first, second = setting.sender.sent
    assert (first[1]["webhook-id"], first[2]) == (second[1]["webhook-id"], second[2])
    assert (await setting.callback(accepted)).state is CallbackState.DELIVERED


async def test_a_call_is_tried_five_times_with_growing_pauses_and_then_given_up(setting: Setting):
    setting.sender.receipts = [FAILED]
    accepted = await setting.take_in("Herons eat frogs.")
    await setting.complete(accepted)
    ((_, arguments),) = setting.jobs.waiting
    pauses = []
    for number in range(1, 5):
        with pytest.raises(UnavailableError) as waits:
            await setting.deliver(arguments)
        pauses.append(waits.value.retry_after_seconds)
        assert "example" not in waits.value.detail
        callback = await setting.callback(accepted)
        assert (callback.state, callback.tries) == (CallbackState.WAITING, number)
        assert callback.error == FAILED.error
    await setting.deliver(arguments)
    assert tuple(pauses) == PAUSES_SECONDS
    assert sorted(pauses) == pauses
    callback = await setting.callback(accepted)
    assert (callback.state, callback.tries) == (CallbackState.FAILED, 5)
    assert len(setting.sender.sent) == 5


async def test_an_address_that_is_refused_at_the_call_is_not_tried_again(setting: Setting):
    setting.sender.receipts = [REFUSED]
    accepted = await setting.take_in("Herons eat frogs.")
    await setting.complete(accepted)
    await setting.deliver()
    callback = await setting.callback(accepted)
    assert (callback.state, callback.tries, callback.error) == (CallbackState.FAILED, 1, "No.")


async def test_a_host_that_is_away_is_called_once_a_try_however_many_wait_for_it(
    setting: Setting,
):
    accepted = [await setting.take_in(f"Heron {n} eats frogs.") for n in range(30)]
    other = await setting.take_in("Storks eat frogs.", "https://hooks.example.net/")
    setting.sender.receipts = [AWAY]
    await setting.complete(*accepted, other)
    with pytest.raises(UnavailableError):
        await setting.deliver()
    called = [url for url, _, _ in setting.sender.sent]
    # As many as are called at once, before the first one is known to be away.
    assert 1 <= called.count(URL) <= 8
    assert called.count("https://hooks.example.net/") == 1
    assert {(await setting.callback(item)).tries for item in accepted} == {1}


async def test_a_job_that_killed_its_workers_leaves_no_call_waiting(setting: Setting):
    accepted = await setting.take_in("Herons eat frogs.")
    await setting.complete(accepted)
    ((_, arguments),) = setting.jobs.waiting
    await setting.jobs.kinds[DELIVER_JOB].give_up(arguments, Attempt(2, 1), "It died 3 times.")
    callback = await setting.callback(accepted)
    assert (callback.state, callback.error) == (CallbackState.FAILED, "It died 3 times.")


async def test_a_deleted_document_has_no_calls_and_its_job_ends(setting: Setting):
    accepted = await setting.take_in("Herons eat frogs.")
    await setting.complete(accepted)
    async with setting.everything.transaction(setting.shelf.tenant) as connection:
        await delete_document(connection, setting.shelf.collection, accepted.uid)
        cursor = await connection.execute("SELECT count(*) FROM callbacks")
        assert await cursor.fetchone() == (0,)
    await setting.deliver()
    assert setting.sender.sent == []


async def test_calls_belong_to_their_tenant(setting: Setting, database: Database):
    accepted = await setting.take_in("Herons eat frogs.")
    await setting.complete(accepted)
    other = await make_shelf(database, setting.shelf.url)
    async with database.unrestricted.transaction(other.tenant) as connection:
        cursor = await connection.execute("SELECT count(*) FROM callbacks")
        assert await cursor.fetchone() == (0,)
        uid = DocumentUid(accepted.uid)
        await announce(connection, setting.jobs, other.tenant, [uid])
    ((_, arguments),) = setting.jobs.waiting
    await setting.deliver({**arguments, "tenant": str(other.tenant)})
    assert setting.sender.sent == []
    assert setting.webhooks.secret(setting.shelf.tenant) != setting.webhooks.secret(other.tenant)
    assert setting.webhooks.secret(setting.shelf.tenant) == setting.webhooks.secret(
        setting.shelf.tenant
    )


async def test_many_events_are_shared_out_over_several_jobs(setting: Setting):
    accepted = [await setting.take_in(f"Heron {n} eats frogs.") for n in range(40)]
    await setting.complete(*accepted)
    assert [len(str(arguments["events"]).split()) for _, arguments in setting.jobs.waiting] == [
        32,
        8,
    ]
