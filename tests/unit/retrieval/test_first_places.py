"""How often one document comes first, counted cheaply and within bounds."""

from __future__ import annotations

import time
from uuid import uuid4

from tests.waiting import slowness

from groundwell.domain.documents import TenantId
from groundwell.retrieval.first_places import (
    LEAST_DOCUMENTS,
    LEAST_SEARCHES,
    LOOK_SECONDS,
    MOST_TENANTS,
    WINDOW,
    FirstPlaces,
)

TENANT = TenantId(uuid4())


class Moment:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def search(places: FirstPlaces, *documents: str, tenant: TenantId = TENANT) -> list[bool]:
    return [places.note(tenant, "default", document) for document in documents]


def ordinary(count: int) -> list[str]:
    return [f"d{number % 40}" for number in range(count)]


def test_too_few_searches_say_nothing():
    places = FirstPlaces()
    assert not any(search(places, *["spam"] * (LEAST_SEARCHES - 1)))
    assert places.highest_share() == 0.0


def test_the_share_is_that_of_the_document_that_is_first_most_often():
    places = FirstPlaces()
    assert not any(search(places, *ordinary(120), *["d0"] * 30))
    assert places.highest_share() == (3 + 30) / 150


def test_a_document_over_the_bound_is_told_once_an_hour_and_counts_once_it_has_others_around_it():
    moment = Moment()
    places = FirstPlaces(moment)
    assert sum(search(places, *["spam"] * 300)) == 1
    assert places.highest_share() == 0.0
    assert not places.judge(TENANT, LEAST_DOCUMENTS - 1)
    assert places.highest_share() == 0.0
    moment.now += LOOK_SECONDS
    assert sum(search(places, *["spam"] * 300)) == 1
    assert places.judge(TENANT, LEAST_DOCUMENTS)
    assert places.highest_share() == 1.0


def test_only_the_last_searches_count():
    places = FirstPlaces()
    search(places, *["spam"] * 300)
    places.judge(TENANT, LEAST_DOCUMENTS)
    search(places, *ordinary(WINDOW - 300))
    assert places.highest_share() == 300 / WINDOW
    search(places, *ordinary(300))
    assert 1 / 40 <= places.highest_share() < 0.03


def test_documents_of_one_name_in_two_collections_are_two():
    places = FirstPlaces()
    for number in range(200):
        places.note(TENANT, f"collection {number % 2}", "same")
    assert places.highest_share() == 0.5


def test_one_tenant_counts_for_no_other_and_those_who_searched_last_are_kept():
    places = FirstPlaces()
    search(places, *["spam"] * 200)
    places.judge(TENANT, LEAST_DOCUMENTS)
    for _ in range(MOST_TENANTS - 1):
        search(places, *ordinary(2), tenant=TenantId(uuid4()))
    assert places.highest_share() == 1.0
    search(places, *ordinary(2), tenant=TenantId(uuid4()))
    assert places.highest_share() == 0.0


def test_counting_takes_microseconds():
    places = FirstPlaces()
    names = ordinary(20_000)
    best = min(_seconds_for(places, names) for _ in range(5))
    assert best / len(names) < 5e-6 * slowness()


def _seconds_for(places: FirstPlaces, names: list[str]) -> float:
    begun = time.process_time()
    for name in names:
        places.note(TENANT, "default", name)
    return time.process_time() - begun
