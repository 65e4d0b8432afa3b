"""What `groundwell doctor` sees of the data, and mends with `--repair`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import psycopg

from groundwell.bootstrap import clear_abandoned, make_blobs, open_database_url, open_services
from groundwell.settings import Settings
from groundwell.store.database import Database, owner_options
from groundwell.store.recovery.contents import Report, find_altered, find_damaged_files
from groundwell.store.recovery.mend import mend
from groundwell.store.recovery.survey import OutOfStep, survey

_NAMED = 3


async def look(settings: Settings) -> OutOfStep | None:
    """What is out of step; None where there is no data yet. Changes nothing."""
    async with _filled_database(settings) as database:
        return None if database is None else await survey(database, make_blobs(settings))


async def read_all(settings: Settings, report: Report) -> OutOfStep | None:
    """What is as large as it should be and something else; None where there is no data yet.

    Only `damaged_files` and `incomplete` are looked for. Changes nothing.
    """
    async with _filled_database(settings) as database:
        if database is None:
            return None
        damaged = await find_damaged_files(database, make_blobs(settings), report)
        return OutOfStep(damaged_files=damaged, incomplete=await find_altered(database))


@asynccontextmanager
async def _filled_database(settings: Settings) -> AsyncIterator[Database | None]:
    async with AsyncExitStack() as stack:
        url = await open_database_url(settings, stack)
        if not await asyncio.to_thread(_is_filled, url):
            yield None
            return
        database = Database(url, min_size=1, max_size=1)
        await database.open()
        stack.push_async_callback(database.close)
        yield database


async def repair(settings: Settings, *, reads_all: bool = False) -> list[str]:
    """Mend what can be mended, and return a sentence for each thing that was done.

    With `reads_all`, also what only reading all texts can find.
    """
    cleared = await asyncio.to_thread(clear_abandoned, settings)
    done = [f"Files of processes that were killed, removed: {cleared}."] if cleared else []
    async with open_services(settings, for_worker=True) as services:
        found = await survey(services.database, services.blobs)
        if reads_all:
            altered = await find_altered(services.database)
            found = replace(found, incomplete=tuple({*found.incomplete, *altered}))
        done += await mend(services.database, services.blobs, services.ingestion.defer, found)
    return done


def describe(found: OutOfStep) -> Iterator[tuple[str, bool]]:
    """A sentence for each kind of disorder, and whether a repair mends it."""
    stuck = [document.id for document in found.stuck]
    incomplete = [document.id for document in found.incomplete]
    miscounted = [collection.name for collection in found.miscounted]
    tenants = [str(tenant) for tenant in found.miscounted_tenants]
    stray = [str(version.id) for version in found.stray_versions]
    kinds: tuple[tuple[str, Sequence[str], bool], ...] = (
        ("Documents that wait for a job that does not exist", stuck, True),
        ("Documents whose index lacks a part or has another text", incomplete, True),
        ("Collections whose statistics are wrong", miscounted, True),
        ("Tenants that hold something else than is counted", tenants, True),
        ("Versions of collections that are gone", stray, True),
        ("Files that no document uses", found.unused_blobs, True),
        ("Documents that have lost their original", found.lost_files, False),
        ("Documents whose original is damaged", found.damaged_files, False),
    )
    for what, names, is_mendable in kinds:
        if names:
            yield f"{what}: {len(names)} ({_some(names)}).", is_mendable


def _is_filled(url: str) -> bool:
    with psycopg.connect(url, options=owner_options(), connect_timeout=5) as connection:
        row = connection.execute(
            "SELECT to_regclass('embedding_spaces') IS NOT NULL"
            " AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'groundwell_backup')"
        ).fetchone()
    return row is not None and bool(row[0])


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
