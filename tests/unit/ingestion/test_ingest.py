from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import AsyncConnection
from tests.fakes.embedder import FakeEmbedder
from tests.unit.retrieval.setting import retriever
from tests.unit.store.setting import DIMENSION, Shelf, accept, make_shelf, new_document
from tests.unit.store.test_swap import assert_statistics_are_exact, remove

from groundwell.adapters.parser.detect import detect_file
from groundwell.domain.documents import Document, DocumentStatus, ParsedDocument, Stage
from groundwell.domain.errors import DamagedFileError, DocumentError, NotFoundError, ProviderError
from groundwell.domain.search import SearchRequest, SearchType
from groundwell.ingestion.deadlines import UploadDeadlines
from groundwell.ingestion.download import Downloader
from groundwell.ingestion.ingest import Ingestor
from groundwell.ingestion.jobs import IngestionJobs
from groundwell.ports.job_engine import Attempt, JobArguments, JobKind, Turn
from groundwell.ports.malware_scanner import MalwareScanner
from groundwell.store.database import Database, owner_options
from groundwell.store.disk import DiskRoom
from groundwell.store.documents import get_document
from groundwell.store.ingestion_jobs import cancel


@dataclass
class FakeParser:
    """A file is its own text, its title after `# `; what begins with `!` is broken in that way."""

    parsed: list[str] = field(default_factory=list)

    async def parse(self, path: Path, filename: str, media_type: str) -> ParsedDocument:
        self.parsed.append(filename)
        text = await asyncio.to_thread(path.read_text)
        if text.startswith("!"):
            raise DocumentError("It cannot be read.", code=text[1:])
        title = text[2:].split("\n")[0] if text.startswith("# ") else None
        return ParsedDocument(text, media_type, "fake", title=title)


@dataclass
class FakeBlobs:
    """Blobs in a dictionary."""

    kept: dict[str, bytes] = field(default_factory=dict)

    async def put(self, key: str, source: Path) -> None:
        self.kept[key] = await asyncio.to_thread(source.read_bytes)

    async def fetch(self, key: str, target: Path, size: int | None = None) -> None:
        if key not in self.kept:
            raise NotFoundError("The stored file is missing.", code="blob_not_found")
        if size not in (None, len(self.kept[key])):
            raise DamagedFileError("The stored file is damaged.")
        await asyncio.to_thread(target.write_bytes, self.kept[key])

    async def stream(self, key: str, size: int | None = None) -> AsyncIterator[bytes]:
        if size not in (None, len(self.kept[key])):
            raise DamagedFileError("The stored file is damaged.")
        yield self.kept[key]

    async def size_of(self, key: str) -> int:
        if key not in self.kept:
            raise NotFoundError("The stored file is missing.", code="blob_not_found")
        return len(self.kept[key])

    async def sign_put(self, key: str, lifetime: timedelta) -> str | None:
        del key, lifetime

    async def delete(self, key: str) -> None:
        self.kept.pop(key, None)

    async def is_available(self) -> bool:
        return True


# Far apart, as those of real jobs are.
FENCES = count(1000, 1000)


@dataclass
class FakeJobs:
    """Remembers jobs; the test runs them."""

    kinds: dict[str, JobKind] = field(default_factory=dict)
    waiting: list[tuple[str, JobArguments]] = field(default_factory=list)
    pauses: dict[str, float] = field(default_factory=dict)

    def register(self, kind: JobKind) -> None:
        self.kinds[kind.name] = kind

    async def defer(
        self,
        connection: AsyncConnection,
        name: str,
        arguments: JobArguments,
        *,
        unique: str | None = None,
        turn: Turn | None = None,
        after_seconds: float = 0.0,
    ) -> None:
        assert not connection.closed
        assert unique is None or name in unique
        assert turn is None or turn.share.startswith(str(arguments["tenant"]))
        self.waiting.append((name, arguments))
        self.pauses[name] = after_seconds

    async def run(self) -> None:
        while self.waiting:
            await self.run_one()

    async def run_one(self) -> None:
        name, arguments = self.waiting.pop(0)
        await self.kinds[name].run(arguments, Attempt(0, next(FENCES)))


@dataclass(frozen=True)
class Setting:
    """An ingestor with everything it needs."""

    shelf: Shelf
    embedder: FakeEmbedder
    parser: FakeParser
    blobs: FakeBlobs
    jobs: FakeJobs
    ingestion: IngestionJobs

    async def hand_in(self, files: Mapping[str, str], run: bool = True) -> None:
        """Store files, accept them and work on them."""
        documents = []
        for name, content in files.items():
            key = f"blob/{name}/{len(self.blobs.kept)}"
            self.blobs.kept[key] = content.encode()
            documents.append(new_document(content, id=name, text=None, blob_key=key, filename=name))
        accepted = await accept(self.shelf, *documents)
        async with self.shelf.database.transaction(self.shelf.tenant) as connection:
            await self.ingestion.defer(connection, self.shelf.tenant, [a.uid for a in accepted])
        if run:
            await self.jobs.run()

    async def parse_all(self) -> None:
        """Do all parsing jobs; embedding jobs stay."""
        for _ in range(len(self.jobs.waiting)):
            await self.jobs.run_one()

    async def queue_again(self, *names: str) -> list[tuple[str, JobArguments]]:
        """The jobs that these documents would wait in if they were queued together."""
        uids = [(await self.document(name)).uid for name in names]
        self.jobs.waiting.clear()
        async with self.shelf.database.transaction(self.shelf.tenant) as connection:
            await self.ingestion.defer(connection, self.shelf.tenant, uids)
        jobs = list(self.jobs.waiting)
        self.jobs.waiting.clear()
        return jobs

    async def document(self, name: str) -> Document:
        async with self.shelf.database.transaction(self.shelf.tenant) as connection:
            return await get_document(connection, name, self.shelf.name)


def make_setting(
    shelf: Shelf,
    blobs: FakeBlobs | None = None,
    end_of_turn: Callable[[float], float] = lambda _: math.inf,
    scanner: MalwareScanner | None = None,
    embedder: FakeEmbedder | None = None,
) -> Setting:
    """Turns do not end by the clock: on a busy machine that would be anywhere."""
    embedder = embedder or FakeEmbedder(DIMENSION)
    parser, jobs = FakeParser(), FakeJobs()
    blobs = blobs or FakeBlobs()
    ingestor = Ingestor(
        shelf.database, shelf.space, embedder, parser, blobs, jobs, end_of_turn, scanner
    )
    return Setting(
        shelf,
        embedder,
        parser,
        blobs,
        jobs,
        IngestionJobs(
            shelf.database,
            jobs,
            ingestor,
            Downloader(shelf.database, blobs, detect_file),
            UploadDeadlines(shelf.database, jobs, blobs),
            DiskRoom(()),
        ),
    )


@pytest.fixture
async def setting(database: Database, database_url: str) -> Setting:
    return make_setting(await make_shelf(database, database_url))


async def test_a_file_becomes_searchable(setting: Setting):
    await setting.hand_in({"a": "# Harbours\n\nShips rest in harbours."})
    document = await setting.document("a")
    assert (document.status, document.stage, document.progress) == (
        DocumentStatus.COMPLETE, Stage.DONE, 1.0,
    )  # fmt: skip
    assert (document.title, document.chunk_count) == ("Harbours", 1)
    assert document.indexed_at is not None


async def test_a_file_that_cannot_be_read_fails_with_its_reason_and_stops_no_other(
    setting: Setting,
):
    await setting.hand_in({"a": "Good text.", "b": "!encrypted", "c": "More text.", "d": "   "})
    states = {name: await setting.document(name) for name in "abcd"}
    assert [states[name].status for name in "abcd"] == ["complete", "failed", "complete", "failed"]
    assert (states["b"].error_code, states["b"].error_message) == (
        "encrypted",
        "It cannot be read.",
    )
    assert states["d"].error_code == "no_text"


async def test_a_file_that_is_gone_from_the_store_fails_and_stops_no_other(setting: Setting):
    await setting.hand_in({"a": "Good text.", "b": "Lost text."}, run=False)
    lost = next(key for key in setting.blobs.kept if key.startswith("blob/b"))
    await setting.blobs.delete(lost)
    await setting.jobs.run()
    assert (await setting.document("a")).status == DocumentStatus.COMPLETE
    assert (await setting.document("b")).error_code == "blob_not_found"


async def test_jobs_name_documents_and_carry_nothing_of_them(setting: Setting):
    await setting.hand_in({f"{n}": f"Ships {n} {'sail ' * 500}" for n in range(32)}, run=False)
    to_parse = [arguments for _, arguments in setting.jobs.waiting]
    await setting.parse_all()
    ((_, to_embed),) = await setting.queue_again("0", *map(str, range(1, 32)))
    assert max(len(str(dict(given))) for given in (*to_parse, to_embed)) < 2000


async def test_ingesting_again_repeats_no_work(setting: Setting):
    await setting.hand_in({"a": "Some text.", "b": "Other text."}, run=False)
    jobs = list(setting.jobs.waiting)
    await setting.jobs.run()
    setting.jobs.waiting += jobs
    await setting.jobs.run()
    assert sorted(setting.parser.parsed) == ["a", "b"]
    assert sum(setting.embedder.calls) == 2
    await assert_statistics_are_exact(setting.shelf)


async def test_a_file_that_was_parsed_is_not_parsed_again_after_a_failure(setting: Setting):
    setting.embedder.error = ProviderError("No.")
    await setting.hand_in({"a": "Some text."}, run=False)
    await setting.jobs.run_one()
    job = setting.jobs.waiting[0]
    with pytest.raises(ProviderError):
        await setting.jobs.run()
    assert (await setting.document("a")).status == DocumentStatus.INDEXING
    setting.embedder.error = None
    setting.jobs.waiting.append(job)
    await setting.jobs.run()
    assert (await setting.document("a")).status == DocumentStatus.COMPLETE
    assert setting.parser.parsed == ["a"]


async def test_a_worker_that_wakes_after_another_took_over_writes_nothing(setting: Setting):
    """The first worker pauses inside the embedder, which is where the time goes."""
    text = "\n\n".join(f"Paragraph {n} tells of badgers. " * 8 for n in range(40))
    await setting.hand_in({"a": text}, run=False)
    await setting.jobs.run_one()
    _, arguments = setting.jobs.waiting[0]
    embed = setting.jobs.kinds["embed"]
    asleep, may_wake = asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        asleep.set()
        await may_wake.wait()

    setting.embedder.before_call = pause
    sleeper = asyncio.ensure_future(embed.run(arguments, Attempt(0, 1_000_000)))
    await asleep.wait()
    setting.embedder.before_call = None
    await embed.run(arguments, Attempt(1, 1_000_001))
    finished = await setting.document("a")
    may_wake.set()
    await sleeper
    await embed.give_up(arguments, Attempt(0, 1_000_000), "It was slow.")
    woken = await setting.document("a")
    assert woken == finished
    assert (finished.status, finished.version) == (DocumentStatus.COMPLETE, 1)
    async with setting.shelf.database.transaction(setting.shelf.tenant) as connection:
        cursor = await connection.execute(
            "SELECT count(*), count(DISTINCT ordinal), count(DISTINCT version_id) FROM chunks"
        )
        rows = await cursor.fetchone()
    sys.stdout.write(f"chunks, ordinals, versions: {rows}\n")
    assert rows == (finished.chunk_count, finished.chunk_count, 1)
    await assert_statistics_are_exact(setting.shelf)


async def test_a_worker_that_is_overtaken_in_the_middle_stops_at_its_next_step(setting: Setting):
    text = "\n\n".join(f"Paragraph {n} tells of badgers. " * 8 for n in range(600))
    await setting.hand_in({"a": text}, run=False)
    await setting.jobs.run_one()
    _, arguments = setting.jobs.waiting[0]

    async def overtake() -> None:
        setting.embedder.before_call = None
        async with setting.shelf.database.transaction(setting.shelf.tenant) as connection:
            await connection.execute("UPDATE documents SET fence = 9_999_999")

    setting.embedder.before_call = overtake
    await setting.jobs.kinds["embed"].run(arguments, Attempt(0, 1_000_000))
    assert len(setting.embedder.calls) == 1
    assert (await setting.document("a")).status == DocumentStatus.INDEXING


async def cancel_document(setting: Setting, name: str) -> list[str]:
    uid = (await setting.document(name)).uid
    async with setting.shelf.database.transaction(setting.shelf.tenant) as connection:
        return await cancel(connection, uid)


async def test_a_document_that_is_cancelled_while_it_waits_is_not_worked_on(setting: Setting):
    await setting.hand_in({"a": "Some text.", "b": "Other text."}, run=False)
    await cancel_document(setting, "a")
    await setting.jobs.run()
    document = await setting.document("a")
    assert (document.status, document.error_code) == (DocumentStatus.FAILED, "cancelled")
    assert (await setting.document("b")).status == DocumentStatus.COMPLETE
    assert setting.parser.parsed == ["b"]


async def test_a_document_that_is_cancelled_while_it_is_embedded_takes_no_others_with_it(
    setting: Setting,
):
    long = "\n\n".join(f"Paragraph {n} tells of badgers. " * 8 for n in range(900))
    await setting.hand_in({"a": long, "b": "Other text."}, run=False)
    await setting.jobs.run_one()

    async def cancel_in_the_middle() -> None:
        setting.embedder.before_call = None
        await cancel_document(setting, "a")

    setting.embedder.before_call = cancel_in_the_middle
    await setting.jobs.run()
    document = await setting.document("a")
    assert (document.status, document.error_code) == (DocumentStatus.FAILED, "cancelled")
    assert (await setting.document("b")).status == DocumentStatus.COMPLETE
    sys.stdout.write(f"texts embedded after the cancel: {sum(setting.embedder.calls[1:])}\n")
    assert sum(setting.embedder.calls[1:]) <= 1


async def test_cancelling_a_new_version_leaves_the_old_one_complete(setting: Setting):
    await setting.hand_in({"a": "First words."})
    before = await setting.document("a")
    await setting.hand_in({"a": "Second words."}, run=False)
    blobs = await cancel_document(setting, "a")
    await setting.jobs.run()
    document = await setting.document("a")
    assert (document.status, document.version, document.stage, document.progress) == (
        DocumentStatus.COMPLETE, 1, Stage.DONE, 1.0,
    )  # fmt: skip
    assert document.indexed_at == before.indexed_at
    assert blobs == ["blob/a/1"]
    await setting.hand_in({"a": "Third words."})
    assert (await setting.document("a")).version == 2
    await assert_statistics_are_exact(setting.shelf)


async def test_a_worker_that_held_a_cancelled_version_cannot_finish_a_later_one_of_its_number(
    setting: Setting,
):
    """Version 2 is cancelled while it is embedded, and another version 2 comes."""
    await setting.hand_in({"a": "First words."})
    await setting.hand_in({"a": "Second words."}, run=False)
    await setting.jobs.run_one()

    async def meanwhile() -> None:
        setting.embedder.before_call = None
        await cancel_document(setting, "a")
        await setting.hand_in({"a": "Third words."}, run=False)

    setting.embedder.before_call = meanwhile
    await setting.jobs.run_one()
    assert (await setting.document("a")).status == DocumentStatus.PENDING
    await setting.jobs.run()
    async with setting.shelf.database.transaction(setting.shelf.tenant) as connection:
        cursor = await connection.execute("SELECT text FROM chunks")
        assert await cursor.fetchall() == [("Third words.",)]
    assert (await setting.document("a")).status == DocumentStatus.COMPLETE


class Killed(BaseException):
    """The worker dies here."""


@pytest.mark.parametrize("dies", ["in the embedder", "in the swap"])
async def test_embeddings_are_not_paid_for_again_after_the_worker_died(setting: Setting, dies: str):
    text = "\n\n".join(f"Paragraph {n} tells of badgers. " * 8 for n in range(900))
    await setting.hand_in({"a": text}, run=False)
    await setting.jobs.run_one()
    _, arguments = setting.jobs.waiting[0]
    embed = setting.jobs.kinds["embed"]

    async def die_at_the_third_step() -> None:
        if len(setting.embedder.calls) == 3:
            raise Killed

    async def make_the_swap_fail(is_on: bool) -> None:
        with psycopg.connect(setting.shelf.url, options=owner_options()) as owner:
            verb = "ADD CONSTRAINT never CHECK (false)" if is_on else "DROP CONSTRAINT never"
            owner.execute(f"ALTER TABLE chunks {verb}")

    if dies == "in the swap":
        await make_the_swap_fail(True)
        with pytest.raises(psycopg.errors.CheckViolation):
            await embed.run(arguments, Attempt(0, 1_000_000))
        await make_the_swap_fail(False)
        paid_before = sum(setting.embedder.calls)
    else:
        setting.embedder.before_call = die_at_the_third_step
        with pytest.raises(Killed):
            await embed.run(arguments, Attempt(0, 1_000_000))
        setting.embedder.before_call = None
        paid_before = sum(setting.embedder.calls) - setting.embedder.calls[-1]
    setting.embedder.calls.clear()
    await embed.run(arguments, Attempt(1, 1_000_001))
    document = await setting.document("a")
    paid_after = sum(setting.embedder.calls)
    sys.stdout.write(f"{paid_before} + {paid_after} of {document.chunk_count} texts embedded\n")
    assert document.status == DocumentStatus.COMPLETE
    assert paid_before > 100
    assert paid_before + paid_after == document.chunk_count
    await assert_statistics_are_exact(setting.shelf)
    with psycopg.connect(setting.shelf.url, options=owner_options()) as owner:
        assert owner.execute("SELECT count(*) FROM embedding_checkpoints").fetchone() == (0,)


async def test_kept_embeddings_make_the_same_index_as_fresh_ones(setting: Setting):
    text = "\n\n".join(f"Paragraph {n} tells of badgers. " * 8 for n in range(400))
    vectors = "SELECT embedding::text, token_bits FROM {} JOIN chunks ON id = chunk_id ORDER BY {}"
    query = vectors.format(setting.shelf.space.table, "ordinal")
    found: list[object] = []
    for name in ("whole", "interrupted"):
        await setting.hand_in({name: f"{text}"}, run=False)
        await setting.jobs.run_one()
        if name == "interrupted":
            setting.embedder.before_call = _dying_at_call(len(setting.embedder.calls) + 2, setting)
            with pytest.raises(Killed):
                await setting.jobs.run_one()
            setting.embedder.before_call = None
            uid = (await setting.document(name)).uid
            async with setting.shelf.database.transaction(setting.shelf.tenant) as connection:
                await setting.ingestion.defer(connection, setting.shelf.tenant, [uid])
        await setting.jobs.run()
        async with setting.shelf.database.transaction(setting.shelf.tenant) as connection:
            found.append(await (await connection.execute(query)).fetchall())
        await remove(setting.shelf, name)
    assert found[0] == found[1] != []


def _dying_at_call(number: int, setting: Setting) -> Callable[[], Awaitable[None]]:
    async def die() -> None:
        if len(setting.embedder.calls) == number:
            raise Killed

    return die


async def test_after_a_failure_documents_are_tried_one_by_one_the_innocent_first(
    setting: Setting,
):
    """The document with the poisoned word fails whatever it is embedded together with."""
    setting.embedder.poison = "arsenic"
    texts = {name: f"Text of {name}." for name in "abcde"} | {"b": "Text with arsenic."}
    await setting.hand_in(texts, run=False)
    await setting.parse_all()
    ((_, arguments),) = await setting.queue_again(*texts)
    embed = setting.jobs.kinds["embed"]
    for number in range(3):
        with pytest.raises(ProviderError):
            await embed.run(arguments, Attempt(number, 1_000_000 + number))
    await embed.give_up(arguments, Attempt(2, 1_000_002), "The model refuses.")
    states = {name: await setting.document(name) for name in texts}
    assert {name for name, each in states.items() if each.status == DocumentStatus.COMPLETE} == set(
        "acde"
    )
    assert states["b"].error_message == "The model refuses."


async def test_a_job_that_is_given_up_leaves_no_document_waiting(setting: Setting):
    await setting.hand_in({"a": "Some text."}, run=False)
    name, arguments = setting.jobs.waiting[0]
    await setting.jobs.kinds[name].give_up(arguments, Attempt(2, 1_000_002), "The model is away.")
    document = await setting.document("a")
    assert (document.status, document.error_code, document.error_message) == (
        DocumentStatus.FAILED, "ingestion_failed", "The model is away.",
    )  # fmt: skip


async def test_a_document_that_fails_in_its_second_version_keeps_its_first(setting: Setting):
    await setting.hand_in({"a": "First words."})
    await setting.hand_in({"a": "!corrupt"})
    document = await setting.document("a")
    assert (document.status, document.error_code, document.chunk_count) == (
        DocumentStatus.FAILED, "corrupt", 1,
    )  # fmt: skip


async def test_a_file_is_read_in_a_job_of_its_own_and_small_texts_are_embedded_together(
    setting: Setting,
):
    names = [str(n) for n in range(40)]
    await setting.hand_in({name: f"Text {name}." for name in names}, run=False)
    assert [name for name, _ in setting.jobs.waiting] == ["parse"] * 40
    await setting.parse_all()
    jobs = await setting.queue_again(*names)
    assert [len(str(a["documents"]).split()) for _, a in jobs] == [32, 8]
    setting.jobs.waiting += jobs
    await setting.jobs.run()
    assert (await setting.document("39")).status == DocumentStatus.COMPLETE


async def test_large_texts_are_embedded_in_jobs_of_their_own(setting: Setting):
    texts = {"a": "Short.", "b": "long " * 50_000, "c": "Short too."}
    await setting.hand_in(texts, run=False)
    await setting.parse_all()
    jobs = await setting.queue_again("a", "b", "c")
    assert [len(str(a["documents"]).split()) for _, a in jobs] == [1, 1, 1]


async def test_a_long_document_takes_turns_and_no_chunk_is_embedded_twice(
    database: Database, database_url: str
):
    setting = make_setting(
        await make_shelf(database, database_url), end_of_turn=lambda begun: begun
    )
    await setting.hand_in({"a": "\n\n".join(f"Ship {n} sails. " * 12 for n in range(800))}, False)
    await setting.parse_all()
    turns = 0
    while setting.jobs.waiting:
        await setting.jobs.run_one()
        turns += 1
        document = await setting.document("a")
        assert document.status == (
            DocumentStatus.INDEXING if setting.jobs.waiting else DocumentStatus.COMPLETE
        )
    assert turns > 2
    assert sum(setting.embedder.calls) == document.chunk_count
    await assert_statistics_are_exact(setting.shelf)


async def test_weights_are_recomputed_when_texts_of_another_length_come(setting: Setting):
    await setting.hand_in({"a": "Short text."})
    await setting.hand_in({"b": " ".join(f"word{n}" for n in range(90))})
    shelf = setting.shelf
    async with shelf.database.transaction(shelf.tenant) as connection:
        cursor = await connection.execute(
            "SELECT DISTINCT t.average_length, c.average_length, c.term_count::real / c.chunk_count"
            " FROM chunk_terms t JOIN collections c ON c.id = t.collection_id"
        )
        ((of_chunks, of_collection, true_average),) = await cursor.fetchall()
    assert of_chunks == of_collection == pytest.approx(true_average)
    assert setting.jobs.waiting == []
    await setting.jobs.kinds["reweigh"].give_up({}, Attempt(2, 1_000_002), "It failed.")


async def test_a_reweighing_of_a_collection_that_is_gone_does_nothing(setting: Setting):
    arguments = {"tenant": str(setting.shelf.tenant), "collection": str(setting.shelf.tenant)}
    setting.jobs.waiting.append(("reweigh", arguments))
    await setting.jobs.run()
    assert setting.jobs.waiting == []


async def test_a_text_without_a_file_and_without_words_fails(setting: Setting):
    shelf = setting.shelf
    accepted = await accept(shelf, new_document("x", id="a", text=None), new_document("", id="b"))
    async with shelf.database.transaction(shelf.tenant) as connection:
        await setting.ingestion.defer(connection, shelf.tenant, [a.uid for a in accepted])
    await setting.jobs.run()
    for name in "ab":
        assert (await setting.document(name)).error_code == "no_text"


async def test_ingesting_and_searching_at_once_makes_no_errors_and_exact_statistics(
    database_url: str,
):
    pool = Database(database_url, min_size=4, max_size=10)
    await pool.open()
    shelf = await make_shelf(pool, database_url)
    searching = retriever(shelf)
    searches = 0

    async def ingest(worker: int) -> None:
        setting = make_setting(shelf)
        for turn in range(1, 9):
            # Workers meet in the shared documents, so that versions overtake each other.
            names = [f"own{worker}-{turn % 3}", f"shared{turn % 4}"]
            text = f"Title\n\nsea wind {worker} {turn} " * (1 + turn % 9)
            await setting.hand_in({name: f"{text} {name}" for name in names})
            if turn % 5 == 0:
                await remove(shelf, names[0])

    async def search() -> None:
        nonlocal searches
        while not ingesting.done():
            searches += 1
            request = SearchRequest(shelf.tenant, shelf.name, "sea wind", SearchType.HYBRID)
            answer = await searching.search(request)
            assert all("sea" in result.text for result in answer.results)

    ingesting = asyncio.gather(*(ingest(n) for n in range(4)))
    await asyncio.gather(ingesting, *(search() for _ in range(4)))
    assert searches > 5
    await assert_statistics_are_exact(shelf)
    await pool.close()
