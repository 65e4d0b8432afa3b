"""Everything a library does, in any order and with any death, beside a dictionary that does it too.

Hypothesis makes up the orders. A run that fails is printed as the shortest one that fails; its seed
is in the settings of the run.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import AsyncConnection
from tests.conftest import fresh_database
from tests.fakes.embedder import FakeEmbedder
from tests.seeds import IS_LONG, SEED
from tests.unit.ingestion.test_ingest import FakeBlobs, FakeParser
from tests.unit.retrieval.setting import retriever
from tests.unit.store.setting import DIMENSION, Shelf, make_shelf, new_document
from tests.unit.store.test_swap import assert_statistics_are_exact

from groundwell.adapters.parser.detect import detect_file
from groundwell.domain.documents import DocumentUid, ParsedDocument, Priority, TenantId
from groundwell.domain.errors import ConflictError, NotFoundError
from groundwell.domain.search import SearchRequest, SearchType
from groundwell.domain.uploads import content_key
from groundwell.ingestion.deadlines import UploadDeadlines
from groundwell.ingestion.download import Downloader
from groundwell.ingestion.ingest import Ingestor
from groundwell.ingestion.jobs import IngestionJobs
from groundwell.ports.blob_store import BlobEntry
from groundwell.ports.job_engine import FENCE_STEP, Attempt, JobArguments, JobKind, Turn
from groundwell.store import ingestion_jobs
from groundwell.store.announced import find_awaited, insert_announcement, lock_upload, receive
from groundwell.store.blobs import clear_blobs
from groundwell.store.chunks import delete_document
from groundwell.store.database import Database, Row
from groundwell.store.disk import DiskRoom
from groundwell.store.documents import get_document, load_text
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.intake import accept_documents
from groundwell.store.recovery.survey import survey

IDS = st.sampled_from(["a", "b", "c"])
WORDS = ("bridge", "violin", "glacier", "orchard")
# A few texts only, so that the same bytes come again, under one id and under several.
TEXTS = st.sampled_from([f"The {one} and the {other}." for one in WORDS for other in WORDS[:2]])
MOST_ATTEMPTS = 3
EXAMPLES, STEPS = (300, 50) if IS_LONG else (15, 30)
LEAST_STEPS = 10_000 if IS_LONG else 300


class Killed(BaseException):
    """The process is no more. Nothing of the product may catch it."""


class Fate:
    """Kills, or pauses, the attempt that comes to it for the so-manieth time."""

    def __init__(self) -> None:
        self.kill_in: int | None = None
        self.pause_in: int | None = None
        self.waking = asyncio.Event()

    def meet(self) -> None:
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in == 0:
                self.kill_in = None
                raise Killed

    async def meet_outside_of_transactions(self) -> None:
        self.meet()
        if self.pause_in is not None:
            self.pause_in -= 1
            if self.pause_in == 0:
                self.pause_in = None
                await self.waking.wait()


class MortalDatabase(Database):
    """The real one, where one may die before each commit and after it."""

    fate: Fate

    @asynccontextmanager
    async def transaction(self, tenant: TenantId) -> AsyncIterator[AsyncConnection[Row]]:
        async with super().transaction(tenant) as connection:
            yield connection
            self.fate.meet()
        await self.fate.meet_outside_of_transactions()


@dataclass
class MortalParser(FakeParser):
    fate: Fate = field(default_factory=Fate)

    async def parse(self, path: Path, filename: str, media_type: str) -> ParsedDocument:
        await self.fate.meet_outside_of_transactions()
        return await super().parse(path, filename, media_type)


class ListedBlobs(FakeBlobs):
    async def entries(self) -> AsyncIterator[tuple[str, BlobEntry]]:
        for key, content in list(self.kept.items()):
            yield key, BlobEntry(len(content), datetime.now(UTC))


@dataclass
class Job:
    name: str
    arguments: JobArguments
    number: int
    unique: str | None = None
    attempts: int = 0

    @property
    def attempt(self) -> Attempt:
        return Attempt(self.attempts, (self.number * 10 + self.attempts) * FENCE_STEP)


class Queue:
    """A job engine whose jobs the machine runs, one at a time, as often as they die."""

    def __init__(self) -> None:
        self.kinds: dict[str, JobKind] = {}
        self.waiting: list[Job] = []
        self.later: list[Job] = []
        self._numbers = count(1)

    def register(self, kind: JobKind) -> None:
        self.kinds[kind.name] = kind

    async def defer(
        self,
        connection: AsyncConnection[Row],
        name: str,
        arguments: JobArguments,
        *,
        unique: str | None = None,
        turn: Turn | None = None,
        after_seconds: float = 0.0,
    ) -> None:
        del connection, turn
        if not self._waits(unique):
            jobs = self.later if after_seconds else self.waiting
            jobs.append(Job(name, arguments, next(self._numbers), unique))

    def _waits(self, unique: str | None) -> bool:
        return unique is not None and any(job.unique == unique for job in self.waiting)

    def pass_time(self) -> None:
        self.waiting += self.later
        self.later.clear()

    async def run(self) -> None:
        while self.waiting:
            job = self.waiting.pop(0)
            await self.kinds[job.name].run(job.arguments, job.attempt)

    async def die(self, job: Job) -> bool:
        """The job's worker is dead: hand it out again, or give it up. Whether it was given up."""
        if job.attempts + 1 < MOST_ATTEMPTS:
            # Where one of the same key waits, it does this one's work too.
            if not self._waits(job.unique):
                self.waiting.insert(0, replace(job, attempts=job.attempts + 1))
            return False
        await self.kinds[job.name].give_up(job.arguments, job.attempt, "It died.")
        return True


@dataclass
class Known:
    """What the dictionary knows of a document.

    `announced` are the bytes that may yet come, or never did; None when the newest ones are here.
    """

    newest: str
    searchable: str | None = None
    state: str = "pending"
    announced: str | None = None
    is_late: bool = False


class Library(RuleBasedStateMachine):
    """The real store, and the dictionary."""

    url: str
    runner: asyncio.Runner
    # Files are shared by content, also between tenants: each run is one.
    blobs: ListedBlobs
    steps = 0

    @initialize()
    def open(self) -> None:
        self.model: dict[str, Known] = {}
        self.slow: asyncio.Task[None] | None = None
        self.asleep_at: Job | None = None
        self.is_taken_over = False
        self.fate = Fate()
        self.run(self._open())

    async def _open(self) -> None:
        self.database = MortalDatabase(self.url, min_size=1, max_size=4)
        self.database.fate = self.fate
        await self.database.open()
        self.shelf: Shelf = await make_shelf(self.database, self.url)
        self.queue = Queue()
        self.embedder = FakeEmbedder(DIMENSION)
        self.embedder.before_call = self.fate.meet_outside_of_transactions
        parser = MortalParser(fate=self.fate)
        ingestor = Ingestor(
            self.database, self.shelf.space, self.embedder, parser, self.blobs, self.queue
        )
        self.jobs = IngestionJobs(
            self.database,
            self.queue,
            ingestor,
            Downloader(self.database, self.blobs, detect_file),
            UploadDeadlines(self.database, self.queue, self.blobs),
            DiskRoom(()),
        )
        self.searching = retriever(self.shelf)

    def run(self, work) -> object:  # noqa: ANN001 - any coroutine
        return self.runner.run(work)

    @rule(name=IDS, text=TEXTS)
    def upload(self, name: str, text: str) -> None:
        """A new document, the same again, or a new version, as the dictionary has it."""
        self.run(self._upload(name, text))
        known = self.model.get(name)
        if known is None:
            self.model[name] = Known(text)
        elif known.newest != text or known.state == "failed" or known.announced is not None:
            known.newest, known.state, known.announced = text, "pending", None

    @rule(name=IDS)
    def upload_again(self, name: str) -> None:
        if name in self.model and self.model[name].newest:
            self.upload(name, self.model[name].newest)

    async def _upload(self, name: str, text: str) -> None:
        key = f"sha256/{hashlib.sha256(text.encode()).hexdigest()}"
        self.blobs.kept[key] = text.encode()
        document = new_document(text, id=name, text=None, blob_key=key)
        tenant = self.shelf.tenant
        async with self.database.transaction(tenant) as connection:
            (accepted,) = await accept_documents(
                connection, tenant, self.shelf.collection, [document]
            )
            if accepted.has_work:
                await self.jobs.defer(connection, tenant, [accepted.uid])

    @rule(name=IDS, text=TEXTS)
    def announce(self, name: str, text: str) -> None:
        """A document, or a version, whose bytes are to come; not while others are on their way."""
        known = self.model.get(name)
        if known is not None and known.state == "pending":
            with pytest.raises(ConflictError):
                self.run(self._announce(name, text))
            return
        self.run(self._announce(name, text))
        known = self.model.setdefault(name, Known(""))
        known.state, known.announced, known.is_late = "awaited", text, False

    async def _announce(self, name: str, text: str) -> None:
        document = new_document(text, id=name, text=None, sha256=None, awaits_bytes=True)
        tenant = self.shelf.tenant
        async with self.database.transaction(tenant) as connection:
            (accepted,) = await accept_documents(
                connection, tenant, self.shelf.collection, [document]
            )
            await insert_announcement(connection, tenant, accepted.uid, None, Priority.NORMAL)
            await self.jobs.defer(connection, tenant, [accepted.uid])

    @rule(name=IDS, is_direct=st.booleans())
    def bring(self, name: str, is_direct: bool) -> None:
        """The announced bytes come through the server, or were put into the store past it."""
        known = self.model.get(name)
        if known is None or known.state != "awaited" or known.is_late:
            with pytest.raises((NotFoundError, ConflictError)):
                self.run(self._bring(name, "", is_direct))
            return
        assert known.announced is not None
        self.run(self._bring(name, known.announced, is_direct))
        known.newest, known.state, known.announced = known.announced, "pending", None

    async def _bring(self, name: str, text: str, is_direct: bool) -> None:
        async with self.database.transaction(self.shelf.tenant) as connection:
            identity = await find_awaited(connection, await self._uid(connection, name))
            if identity is None:
                raise ConflictError("Nobody waits for it.")
            upload = await lock_upload(connection, identity)
            if upload.failure is not None:
                raise ConflictError("It is too late.")
            digest = hashlib.sha256(text.encode()).digest() if is_direct else None
            key = upload.staging_key if digest is None else content_key(digest)
            self.blobs.kept[key] = text.encode()
            await receive(connection, upload, key, digest, upload.media_type)
            await self.jobs.defer(connection, self.shelf.tenant, [upload.uid])

    @rule()
    def pass_an_hour(self) -> None:
        """The deadlines of all that was announced are over, and their jobs are due."""
        self.run(self._pass_an_hour())
        for known in self.model.values():
            known.is_late = True

    async def _pass_an_hour(self) -> None:
        async with self.database.transaction(self.shelf.tenant) as connection:
            await connection.execute(
                "UPDATE announced_uploads SET expires_at = expires_at - interval '1 hour'"
            )
        self.queue.pass_time()

    @rule(name=IDS)
    def delete(self, name: str) -> None:
        if self.model.pop(name, None) is None:
            with pytest.raises(NotFoundError):
                self.run(self._delete(name))
        else:
            self.run(self._delete(name))

    async def _delete(self, name: str) -> None:
        async with self.database.transaction(self.shelf.tenant) as connection:
            uid = await self._uid(connection, name)
            gone = await delete_document(connection, self.shelf.collection, uid)
        await clear_blobs(self.database, self.blobs, gone)

    @rule(name=IDS)
    def cancel(self, name: str) -> None:
        known = self.model.get(name)
        if known is None or known.state not in ("pending", "awaited"):
            with pytest.raises((NotFoundError, ConflictError)):
                self.run(self._cancel(name))
            return
        self.run(self._cancel(name))
        known.state = "failed" if known.searchable is None else "complete"
        known.newest = known.searchable or known.newest
        if known.searchable is not None:
            known.announced = None

    async def _cancel(self, name: str) -> None:
        async with self.database.transaction(self.shelf.tenant) as connection:
            uid = await self._uid(connection, name)
            gone = await ingestion_jobs.cancel(connection, uid)
        await clear_blobs(self.database, self.blobs, gone)

    @rule(name=IDS)
    def retry(self, name: str) -> None:
        known = self.model.get(name)
        if known is None or known.state != "failed" or known.announced is not None:
            with pytest.raises((NotFoundError, ConflictError)):
                self.run(self._retry(name))
            return
        self.run(self._retry(name))
        known.state = "pending"

    async def _retry(self, name: str) -> None:
        async with self.database.transaction(self.shelf.tenant) as connection:
            uid = await self._uid(connection, name)
            await ingestion_jobs.start_again(connection, uid)
            await self.jobs.defer(connection, self.shelf.tenant, [uid])

    @precondition(lambda self: self.queue.waiting)
    @rule()
    def work(self) -> None:
        """A worker does the next job to its end."""
        self.run(self._attempt(self.queue.waiting.pop(0)))
        self._follow()

    @precondition(lambda self: self.queue.waiting)
    @rule(places=st.integers(1, 12))
    def crash(self, places: int) -> None:
        """A worker begins the next job and dies at the so-manieth place where it can."""
        job = self.queue.waiting.pop(0)
        self.fate.kill_in = places
        is_given_up = False
        try:
            self.run(self._attempt(job))
        except Killed:
            is_given_up = bool(self.run(self.queue.die(job)))
        self.fate.kill_in = None
        self._follow(may_fail=is_given_up)

    @precondition(lambda self: self.queue.waiting and self.slow is None)
    @rule(places=st.integers(1, 8))
    def fall_asleep(self, places: int) -> None:
        """A worker begins the next job, stands still, and is taken for dead."""
        job = self.queue.waiting.pop(0)
        self.asleep_at, self.is_taken_over = job, False
        self.fate.waking = asyncio.Event()
        self.fate.pause_in = places
        is_given_up = False
        if self.run(self._sleep(job)):
            is_given_up = bool(self.run(self.queue.die(job)))
        self.fate.pause_in = None
        self._follow(may_fail=is_given_up)

    async def _sleep(self, job: Job) -> bool:
        """Whether the attempt stands still; else it has come to its end."""
        self.slow = asyncio.ensure_future(self._attempt(job))
        while not self.slow.done() and self.fate.pause_in is not None:  # noqa: ASYNC110 - the pause tells nobody
            await asyncio.sleep(0.001)
        if not self.slow.done():
            return True
        await self.slow
        self.slow = None
        return False

    @precondition(lambda self: self.slow is not None)
    @rule()
    def wake(self) -> None:
        """The worker that stood still goes on, and changes nothing that another has taken up."""
        waiting = len(self.queue.waiting)
        before = self.run(self._states())
        self.run(self._wake())
        if self.is_taken_over:
            assert self.run(self._states()) == before
        self._follow()
        # It may queue documents that it had parsed: their job then finds nothing to do.
        assert len(self.queue.waiting) <= waiting + 1

    async def _wake(self) -> None:
        assert self.slow is not None
        self.fate.waking.set()
        await self.slow
        self.slow = None

    async def _attempt(self, job: Job) -> None:
        asleep_at = self.asleep_at
        if asleep_at is not None and asleep_at.number == job.number and asleep_at is not job:
            self.is_taken_over = True
        await self.queue.kinds[job.name].run(job.arguments, job.attempt)

    @rule(word=st.sampled_from(WORDS))
    def query(self, word: str) -> None:
        """Each document that says the word is found, with its searchable text, and no other."""
        expected = {
            (name, known.searchable)
            for name, known in self.model.items()
            if known.searchable is not None and word in known.searchable
        }
        assert self.run(self._query(word)) == expected

    async def _query(self, word: str) -> set[tuple[str, str]]:
        request = SearchRequest(self.shelf.tenant, self.shelf.name, word, SearchType.KEYWORD)
        answer = await self.searching.search(request)
        return {(result.document_id, result.text) for result in answer.results}

    def _follow(self, *, may_fail: bool = False) -> None:
        """Let the dictionary follow what workers did: what waited may be complete, or given up."""
        found = self.run(self._states())
        for name, known in self.model.items():
            state, text = found[name]
            if known.state == "pending" and state == "complete":
                known.state, known.searchable = "complete", known.newest
            elif known.state == "pending" and state == "failed":
                assert may_fail, name
                known.state = "failed"
            elif known.state == "awaited" and state == "failed":
                assert known.is_late, name
                known.state = "failed"
            assert text == known.searchable, name

    async def _states(self) -> dict[str, tuple[str, str | None]]:
        found: dict[str, tuple[str, str | None]] = {}
        async with self.database.transaction(self.shelf.tenant) as connection:
            cursor = await connection.execute("SELECT id, uid, status, stage FROM documents")
            for name, uid, status, stage in await cursor.fetchall():
                state = "pending" if status == "indexing" else status
                if (status, stage) == ("pending", "awaiting_upload"):
                    state = "awaited"
                try:
                    text, _, _ = await load_text(connection, DocumentUid(uid))
                except NotFoundError:
                    found[name] = (state, None)
                else:
                    found[name] = (state, text)
        return found

    async def _uid(self, connection: AsyncConnection[Row], name: str) -> DocumentUid:
        return (await get_document(connection, name, self.shelf.name)).uid

    @invariant()
    def states_are_those_of_the_dictionary(self) -> None:
        if hasattr(self, "shelf"):
            type(self).steps += 1
            found = self.runner.run(self._states())
            assert found == {n: (k.state, k.searchable) for n, k in self.model.items()}

    def teardown(self) -> None:
        if hasattr(self, "shelf"):
            self.runner.run(self._finish())

    async def _finish(self) -> None:
        """All that waits is done in the end, and everything fits together."""
        try:
            if self.slow is not None:
                await self._wake()
            await self._pass_an_hour()
            await self.queue.run()
            await self._end_what_lost_its_deadline()
            for name, (state, text) in (await self._states()).items():
                known = self.model[name]
                assert (state, text) == (
                    ("complete", known.newest)
                    if known.state not in ("failed", "awaited")
                    else ("failed", known.searchable)
                )
            await assert_statistics_are_exact(self.shelf)
            found = await survey(self.database, self.blobs)
            assert not any(getattr(found, kind) for kind in found.__slots__), found
        finally:
            await self.database.close()

    async def _end_what_lost_its_deadline(self) -> None:
        """Queue, as the look for documents that wait for nothing does, what lost its job."""
        async with self.database.transaction(self.shelf.tenant) as connection:
            cursor = await connection.execute(
                "SELECT uid FROM documents WHERE status = 'pending' AND stage = 'awaiting_upload'"
            )
            uids = [DocumentUid(uid) for (uid,) in await cursor.fetchall()]
            await self.jobs.defer(connection, self.shelf.tenant, uids)
        await self.queue.run()


@pytest.fixture
def library(postgres: EmbeddedPostgres) -> Iterator[type[Library]]:
    with fresh_database(postgres) as url, asyncio.Runner() as runner:
        Library.url, Library.runner, Library.steps = url, runner, 0
        Library.blobs = ListedBlobs()
        yield Library


@pytest.mark.slow
def test_any_order_of_requests_and_deaths_leaves_what_a_dictionary_would_hold(
    library: type[Library],
):
    rules = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(SEED)(library), settings=rules)
    sys.stdout.write(
        f"\nseed {SEED}: {library.steps} steps in {EXAMPLES} orders, and the store held what the"
        " dictionary held after each\n"
    )
    assert library.steps >= LEAST_STEPS


@pytest.mark.slow
def test_new_versions_that_come_while_an_attempt_stands_still_do_not_shut_out_the_next(
    library: type[Library],
):
    state = library()
    state.open()
    state.upload(name="a", text="The bridge and the bridge.")
    state.fall_asleep(places=3)
    for text in ("The violin and the bridge.", "The glacier and the bridge.", "Last."):
        state.upload(name="a", text=text)
    state.wake()
    state.work()
    state.work()
    assert state.model["a"].searchable == "Last."
    state.teardown()
