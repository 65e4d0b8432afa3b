from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from groundwell.bootstrap import read_or_make_secret
from groundwell.domain.api_keys import read_api_key
from groundwell.domain.documents import DEFAULT_COLLECTION, SAMPLE_COLLECTION
from groundwell.domain.identity import Scope
from groundwell.first_start import Owner, ensure_owner, load_samples
from groundwell.services import Services
from groundwell.store.collections import list_collections
from groundwell.store.database import Database
from groundwell.store.documents import list_documents
from groundwell.store.identity import find_key


@pytest.fixture
def fresh(services: Services, database: Database) -> Services:
    """The services over a database that nobody has used."""
    return replace(services, database=database)


async def works(services: Services, owner: Owner) -> bool:
    """Whether the key in the file is known."""
    key = read_api_key(owner.key_file.read_text().strip())
    assert key is not None
    async with services.database.anonymous_transaction() as connection:
        stored = await find_key(connection, key.id)
    return stored is not None and stored.principal == owner.principal


async def test_the_first_start_makes_an_owner_whose_key_only_its_owner_can_read(
    fresh: Services, tmp_path: Path
):
    owner = await ensure_owner(fresh, tmp_path)
    assert owner.is_first_start
    assert owner.new_key == owner.key_file.read_text().strip()
    assert owner.key_file.stat().st_mode & 0o777 == 0o600
    assert owner.principal.scopes == frozenset(Scope)
    assert await works(fresh, owner)
    async with fresh.database.transaction(owner.principal.tenant) as connection:
        names = [collection.name for collection in await list_collections(connection)]
    assert names == [DEFAULT_COLLECTION]


async def test_a_second_start_keeps_owner_and_key_and_does_not_show_it(
    fresh: Services, tmp_path: Path
):
    first = await ensure_owner(fresh, tmp_path)
    second = await ensure_owner(fresh, tmp_path)
    assert (second.new_key, second.is_first_start) == (None, False)
    assert second.principal == first.principal


async def test_two_processes_that_start_at_once_make_one_owner(fresh: Services, tmp_path: Path):
    first, second = await asyncio.gather(
        ensure_owner(fresh, tmp_path), ensure_owner(fresh, tmp_path)
    )
    assert first.principal == second.principal
    assert [first.is_first_start, second.is_first_start].count(True) == 1
    assert await works(fresh, first)


@pytest.mark.parametrize("content", [None, "", "rubbish", "gw_1_2_3", "é"])
async def test_a_key_file_that_is_missing_or_broken_is_replaced_for_the_same_owner(
    fresh: Services, tmp_path: Path, content: str | None
):
    first = await ensure_owner(fresh, tmp_path)
    if content is None:
        first.key_file.unlink()
    else:
        first.key_file.write_text(content)
    second = await ensure_owner(fresh, tmp_path)
    assert second.new_key not in (None, first.new_key)
    assert second.principal == first.principal
    assert not second.is_first_start
    assert await works(fresh, second)


async def test_a_key_under_another_secret_is_replaced(fresh: Services, tmp_path: Path):
    first = await ensure_owner(fresh, tmp_path)
    second = await ensure_owner(replace(fresh, key_pepper=b"another"), tmp_path)
    assert second.new_key not in (None, first.new_key)
    assert second.principal == first.principal


async def test_samples_are_handed_in_once(fresh: Services, tmp_path: Path):
    owner = await ensure_owner(fresh, tmp_path)
    count = await load_samples(fresh, owner)
    assert count == await load_samples(fresh, owner)
    async with fresh.database.transaction(owner.principal.tenant) as connection:
        documents = await list_documents(connection, None, None, None, 100)
    assert len(documents) == count >= 5
    assert {document.collection for document in documents} == {SAMPLE_COLLECTION}
    assert "calibration.txt" not in {document.filename for document in documents}


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path):
    path = tmp_path / "secret.key"
    secret = read_or_make_secret(path)
    assert len(bytes.fromhex(secret)) == 32
    assert read_or_make_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
