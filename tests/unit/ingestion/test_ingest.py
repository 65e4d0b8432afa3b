from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from psycopg import AsyncConnection
from tests.fakes.embedder import FakeEmbedder
from tests.unit.store.setting import DIMENSION, Shelf, accept, make_shelf, new_document
from tests.unit.store.test_swap import assert_statistics_are_exact, remove

from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.documents import Document, DocumentStatus, ParsedDocument, Stage
from groundwell.domain.errors import DocumentError, NotFoundError, ProviderError
from groundwell.domain.search import SearchRequest, SearchType
from groundwell.ingestion.ingest import Ingestor
from groundwell.ingestion.jobs import IngestionJobs
from groundwell.ports.job_engine import JobArguments, JobKind
from groundwell.retrieval.retrieve import RetrievalOptions, Retriever
from groundwell.store.database import Database
from groundwell.store.documents import get_document


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

    async def fetch(self, key: str, target: Path) -> None:
        if key not in self.kept:
            raise NotFoundError("The stored file is missing.", code="blob_not_found")
        await asyncio.to_thread(target.write_bytes, self.kept[key])

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        yield self.kept[key]

    async def delete(self, key: str) -> None:
        self.kept.pop(key, None)

    async def is_available(self) -> bool:
        return True


@dataclass
class FakeJobs:
    """Remembers jobs; the test runs them."""

    kinds: dict[str, JobKind] = field(default_factory=dict)
    waiting: list[tuple[str, JobArguments]] = field(default_factory=list)

    def register(self, kind: JobKind) -> None:
        self.kinds[kind.name] = kind

    async def defer(
        self,
        connection: AsyncConnection,
        name: str,
        arguments: JobArguments,
        *,
        unique: str | None = None,
    ) -> None:
        assert not connection.closed
        assert unique is None or name in unique
        self.waiting.append((name, arguments))

    async def run(self) -> None:
        while self.waiting:
            name, arguments = self.waiting.pop(0)
            await self.kinds[name].run(arguments)


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

    async def document(self, name: str) -> Document:
        async with self.shelf.database.transaction(self.shelf.tenant) as connection:
            return await get_document(connection, name, self.shelf.name)


def make_setting(shelf: Shelf) -> Setting:
    embedder, parser, blobs, jobs = FakeEmbedder(DIMENSION), FakeParser(), FakeBlobs(), FakeJobs()
    ingestor = Ingestor(shelf.database, shelf.space, embedder, parser, blobs, jobs)
    return Setting(
        shelf, embedder, parser, blobs, jobs, IngestionJobs(shelf.database, jobs, ingestor)
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
    job = setting.jobs.waiting[0]
    with pytest.raises(ProviderError):
        await setting.jobs.run()
    assert (await setting.document("a")).status == DocumentStatus.INDEXING
    setting.embedder.error = None
    setting.jobs.waiting.append(job)
    await setting.jobs.run()
    assert (await setting.document("a")).status == DocumentStatus.COMPLETE
    assert setting.parser.parsed == ["a"]


async def test_a_job_that_is_given_up_leaves_no_document_waiting(setting: Setting):
    await setting.hand_in({"a": "Some text."}, run=False)
    name, arguments = setting.jobs.waiting[0]
    await setting.jobs.kinds[name].give_up(arguments, "The model is away.")
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


async def test_many_documents_are_worked_on_in_several_jobs(setting: Setting):
    await setting.hand_in({str(n): f"Text {n}." for n in range(40)}, run=False)
    assert [len(str(a["documents"]).split()) for _, a in setting.jobs.waiting] == [32, 8]
    await setting.jobs.run()
    assert (await setting.document("39")).status == DocumentStatus.COMPLETE


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
    await setting.jobs.kinds["reweigh"].give_up({}, "It failed.")


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
    index = PostgresSearchIndex(pool, shelf.space)
    retriever = Retriever(pool, index, FakeEmbedder(DIMENSION), None, RetrievalOptions())
    loop = asyncio.get_running_loop()
    end = loop.time() + 5
    rounds = [0, 0, 0, 0]
    searches = 0

    async def ingest(worker: int) -> None:
        setting = make_setting(shelf)
        while loop.time() < end:
            turn = rounds[worker] = rounds[worker] + 1
            # Workers meet in the shared documents, so that versions overtake each other.
            names = [f"own{worker}-{turn % 3}", f"shared{turn % 4}"]
            text = f"Title\n\nsea wind {worker} {turn} " * (1 + turn % 9)
            await setting.hand_in({name: f"{text} {name}" for name in names})
            if turn % 5 == 0:
                await remove(shelf, names[0])

    async def search() -> None:
        nonlocal searches
        while loop.time() < end:
            searches += 1
            request = SearchRequest(shelf.tenant, shelf.name, "sea wind", SearchType.HYBRID)
            answer = await retriever.search(request)
            assert all("sea" in result.text for result in answer.results)

    await asyncio.gather(*(ingest(n) for n in range(4)), *(search() for _ in range(4)))
    assert min(*rounds, searches) > 5
    await assert_statistics_are_exact(shelf)
    await pool.close()
