"""Where in ingestion the malware scanner stands; what it promises is in the contract tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from tests.unit.ingestion.test_ingest import Setting, cancel_document, make_setting
from tests.unit.store.setting import accept, make_shelf, new_document

from groundwell.domain.documents import DocumentStatus, Stage
from groundwell.domain.errors import UnavailableError
from groundwell.store.audit import list_entries
from groundwell.store.database import Database

PLAGUE = "The plague came by sea."


async def _nothing() -> None:
    """Happens before the answer, unless a test has something else happen."""


@dataclass
class FakeScanner:
    """Finds the plague."""

    seen: list[str] = field(default_factory=list)
    is_away: bool = False
    before_answer: Callable[[], Awaitable[object]] = _nothing

    async def scan(self, pieces: AsyncIterator[bytes]) -> str | None:
        if self.is_away:
            raise UnavailableError("The malware scanner is away.")
        self.seen.append(b"".join([piece async for piece in pieces]).decode())
        await self.before_answer()
        return "Plague-1" if "plague" in self.seen[-1] else None

    async def is_available(self) -> bool:
        return not self.is_away


@pytest.fixture
def scanner() -> FakeScanner:
    return FakeScanner()


@pytest.fixture
async def setting(database: Database, database_url: str, scanner: FakeScanner) -> Setting:
    return make_setting(await make_shelf(database, database_url), scanner=scanner)


async def hand_in_text(setting: Setting, name: str, text: str) -> None:
    (accepted,) = await accept(setting.shelf, new_document(text, id=name))
    async with setting.shelf.database.transaction(setting.shelf.tenant) as connection:
        await setting.ingestion.defer(connection, setting.shelf.tenant, [accepted.uid])


async def test_malware_stops_no_other_document_and_is_not_parsed(
    setting: Setting, scanner: FakeScanner
):
    await setting.hand_in({"a": "Good text.", "b": PLAGUE, "c": "More text."})
    states = [await setting.document(name) for name in "abc"]
    assert [state.error_code for state in states] == [None, "malware", None]
    assert states[1].error_message == (
        "The malware scanner found Plague-1 in it. The content was removed."
    )
    assert setting.parser.parsed == ["a", "c"]
    assert len(scanner.seen) == 3
    assert sorted(content.decode() for content in setting.blobs.kept.values()) == [
        "Good text.",
        "More text.",
    ]


async def test_a_file_that_was_parsed_before_there_was_a_scanner_is_scanned_before_it_is_indexed(
    setting: Setting, scanner: FakeScanner
):
    without = make_setting(setting.shelf, setting.blobs)
    await without.hand_in({"a": PLAGUE, "b": "Good text."}, run=False)
    await without.parse_all()
    assert (without.parser.parsed, scanner.seen) == (["a", "b"], [])
    setting.jobs.waiting += without.jobs.waiting
    await setting.jobs.run()
    assert (await setting.document("a")).error_code == "malware"
    assert (await setting.document("b")).status == DocumentStatus.COMPLETE


async def test_a_text_that_is_embedded_in_many_turns_is_scanned_whole_and_once(
    setting: Setting, scanner: FakeScanner
):
    turns = make_setting(
        setting.shelf, setting.blobs, end_of_turn=lambda begun: begun, scanner=scanner
    )
    text = " ".join(f"Ship {n} sails to harbour {n} in the évening." for n in range(1200))
    await hand_in_text(turns, "a", text)
    jobs = 0
    while turns.jobs.waiting:
        await turns.jobs.run_one()
        jobs += 1
    assert (await turns.document("a")).status == DocumentStatus.COMPLETE
    assert jobs > 1
    assert scanner.seen == [text]


@pytest.mark.parametrize("is_file", [True, False])
async def test_while_the_scanner_is_away_a_document_stays_as_it_was(
    setting: Setting, scanner: FakeScanner, is_file: bool
):
    if is_file:
        await setting.hand_in({"a": "Good text."}, run=False)
    else:
        await hand_in_text(setting, "a", "Good text.")
    scanner.is_away = True
    (job,) = setting.jobs.waiting
    for _ in range(5):
        with pytest.raises(UnavailableError):
            await setting.jobs.run_one()
        setting.jobs.waiting = [job]
        waiting = await setting.document("a")
        assert (waiting.status, waiting.stage) == (DocumentStatus.PENDING, Stage.QUEUED)
    assert setting.parser.parsed == []
    assert setting.embedder.calls == []
    scanner.is_away = False
    await setting.jobs.run()
    assert (await setting.document("a")).status == DocumentStatus.COMPLETE


async def test_what_is_found_in_a_document_that_was_cancelled_meanwhile_changes_nothing(
    setting: Setting, scanner: FakeScanner
):
    scanner.before_answer = lambda: cancel_document(setting, "a")
    await setting.hand_in({"a": PLAGUE})
    assert (await setting.document("a")).error_code == "cancelled"
    async with setting.shelf.database.transaction(setting.shelf.tenant) as connection:
        assert await list_entries(connection, None, None, None, None, None, 10) == []


async def test_bytes_that_another_document_has_too_stay_for_it(
    setting: Setting, scanner: FakeScanner
):
    await setting.hand_in({"a": PLAGUE}, run=False)
    (key,) = setting.blobs.kept
    copy = new_document(PLAGUE, id="copy", text=None, blob_key=key, filename="copy")
    await accept(setting.shelf, copy)
    await setting.jobs.run()
    assert (await setting.document("a")).error_code == "malware"
    assert list(setting.blobs.kept) == [key]
    await setting.queue_again("copy")
    async with setting.shelf.database.transaction(setting.shelf.tenant) as connection:
        uid = (await setting.document("copy")).uid
        await setting.ingestion.defer(connection, setting.shelf.tenant, [uid])
    await setting.jobs.run()
    assert (await setting.document("copy")).error_code == "malware"
    assert setting.blobs.kept == {}
    assert len(scanner.seen) == 2
