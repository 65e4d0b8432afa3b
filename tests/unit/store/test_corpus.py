"""Chunks from all over the documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio
from fastapi import FastAPI
from tests.apps.crowd import People, make_people
from tests.conftest import MakeTenant, Tenant, upload_texts

from groundwell.domain.documents import DEFAULT_COLLECTION
from groundwell.domain.filters import parse_filter
from groundwell.domain.identity import Role
from groundwell.domain.sharing import Viewer
from groundwell.services import Services
from groundwell.store.corpus import AROUND, CorpusChunk, load_around, load_corpus, spread_chunks


def viewer_of(tenant: Tenant, user: UUID | None = None) -> Viewer:
    return Viewer(tenant.id, user or tenant.user, Role.OWNER)


async def spread(
    services: Services, viewer: Viewer, most: int, start: float = 0.5, **condition: object
) -> list[CorpusChunk]:
    parts = await load_corpus(services.database, viewer)
    wanted = parse_filter(condition)
    collections = [part.version.collection for part in parts]
    return await spread_chunks(services.database, viewer, collections, wanted, most, start)


@pytest_asyncio.fixture
async def people(app: FastAPI, tenant: Tenant) -> AsyncIterator[People]:
    async with make_people(app, tenant) as made:
        yield made


def words(name: str, count: int) -> str:
    return "\n\n".join(f"{name} {number} " + f"{name}{number} " * 400 for number in range(count))


@pytest_asyncio.fixture(scope="module")
async def shelf(make_tenant: MakeTenant) -> Tenant:
    """Long enough to be worth reading once only. Nobody changes it."""
    tenant = await make_tenant()
    documents = [{"id": f"small-{n}", "text": f"Short text {n}."} for n in range(10)]
    large = {"id": "large", "text": words("part", 40), "metadata": {"kind": "book"}}
    await upload_texts(tenant, [*documents, large])
    return tenant


async def test_every_document_has_a_part_and_a_large_one_a_large_part(
    shelf: Tenant, services: Services
):
    chunks = await spread(services, viewer_of(shelf), 30)
    parts = Counter(chunk.document_id for chunk in chunks)
    assert {f"small-{n}" for n in range(10)} <= parts.keys()
    assert 15 <= parts["large"] <= 20
    assert [chunk.document_id for chunk in chunks] == sorted(chunk.document_id for chunk in chunks)
    places = [chunk.char_start for chunk in chunks if chunk.document_id == "large"]
    assert places == sorted(set(places))
    assert chunks == await spread(services, viewer_of(shelf), 30)
    assert chunks != await spread(services, viewer_of(shelf), 30, start=0.1)


async def test_few_chunks_are_all_taken_once(shelf: Tenant, services: Services):
    chunks = await spread(services, viewer_of(shelf), 1000)
    [part] = await load_corpus(services.database, viewer_of(shelf))
    assert len(chunks) == part.chunks == len({chunk.id for chunk in chunks})
    assert part.name == DEFAULT_COLLECTION


async def test_fewer_places_than_documents_go_round(shelf: Tenant, services: Services):
    chunks = await spread(services, viewer_of(shelf), 6)
    assert 5 <= len(chunks) <= 7
    assert len({chunk.document_id for chunk in chunks}) >= 3


async def test_a_filter_narrows_the_documents(shelf: Tenant, services: Services):
    chunks = await spread(services, viewer_of(shelf), 30, kind="book")
    assert {chunk.document_id for chunk in chunks} == {"large"}


async def test_neighbours_come_by_themselves_and_once(shelf: Tenant, services: Services):
    everything = await spread(services, viewer_of(shelf), 1000, kind="book")
    near = await load_around(
        services.database, viewer_of(shelf), [everything[3].id, everything[4].id], 1
    )
    assert near == everything[2:6]


@pytest.mark.parametrize("chunking", ["recursive", "tokens"])
async def test_a_chunk_comes_with_the_text_on_both_sides(
    make_tenant: MakeTenant, services: Services, chunking: str
):
    tenant = await make_tenant()
    created = await tenant.http.post(
        "/api/v1/collections", json={"name": "cut", "chunking": chunking}
    )
    assert created.status_code == 201
    text = " ".join(f"Sätze {n} gehen über Grenzen." for n in range(80)) + "\n\nA.\n\nThe end"
    await upload_texts(tenant, [{"id": "long", "text": text}], "cut")
    viewer = viewer_of(tenant)
    chunks = await spread(services, viewer, 1000)
    assert len(chunks) > 1
    assert chunks == await load_around(services.database, viewer, [c.id for c in chunks], 0)
    for chunk in chunks:
        start, end = chunk.char_start, chunk.char_start + len(chunk.text)
        assert text[:start].endswith(chunk.before)
        assert min(start, 200) <= len(chunk.before) <= AROUND
        assert text[end : end + AROUND].startswith(chunk.after)
        is_last = text.endswith(chunk.text + chunk.after)
        assert is_last or len(chunk.after) == AROUND or chunk.after[-1].isspace()


async def test_what_is_private_is_its_owner_s_alone(people: People, services: Services):
    await people.ann.put("The secret plan of Ann.", "secret", visibility="private")
    await people.ann.put("What everybody may read.", "open")
    tenant = people.owner.tenant
    boss = Viewer(tenant.id, UUID(people.boss.id), Role.ADMIN, manages=True)
    ann = Viewer(tenant.id, UUID(people.ann.id), Role.MEMBER)
    seen = {chunk.document_id for chunk in await spread(services, boss, 100)}
    assert seen == {"open"}
    assert len(await spread(services, ann, 100)) == 2
    [secret] = [c for c in await spread(services, ann, 100) if c.document_id == "secret"]
    assert await load_around(services.database, boss, [secret.id], 1) == []
    [of_boss] = await load_corpus(services.database, boss)
    [of_ann] = await load_corpus(services.database, ann)
    assert of_boss.chunks == 1
    assert of_ann.chunks == 2
    assert of_boss.version != of_ann.version
