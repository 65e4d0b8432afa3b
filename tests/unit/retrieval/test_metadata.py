from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.domain.documents import JsonValue
from groundwell.retrieval.metadata import document_date, metadata_score, recency
from groundwell.store.traits import Traits

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HANDED_IN = datetime(2025, 6, 1, tzinfo=UTC)


def traits(*dates: str, category: JsonValue = None) -> Traits:
    return Traits("d", dates, category, HANDED_IN)


@pytest.mark.parametrize(
    ("age_days", "expected"), [(0, 1.0), (30, 0.5), (60, 0.25), (15, 0.5**0.5), (-400, 1.0)]
)
def test_recency_halves_with_each_half_life(age_days: float, expected: float):
    assert recency(NOW - timedelta(days=age_days), NOW, 30) == pytest.approx(expected)


@given(
    age_days=st.floats(0, 200_000, allow_nan=False),
    older_by=st.floats(0, 200_000),
    half_life_days=st.floats(0.01, 100_000),
)
def test_recency_lies_in_zero_to_one_and_falls_with_age(
    age_days: float, older_by: float, half_life_days: float
):
    now = datetime(2500, 1, 1, tzinfo=UTC)
    newer = recency(now - timedelta(days=age_days), now, half_life_days)
    older = recency(now - timedelta(days=age_days + older_by), now, half_life_days)
    assert 0 <= older <= newer <= 1


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["2024-05-06"], datetime(2024, 5, 6, tzinfo=UTC)),
        (["2024-05-06T07:08:09Z"], datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        (["2024-05-06T07:08+02:00"], datetime(2024, 5, 6, 5, 8, tzinfo=UTC)),
        (["last week", " 2024-05-06 "], datetime(2024, 5, 6, tzinfo=UTC)),
        (["2024-05-06", "2025-01-01"], datetime(2024, 5, 6, tzinfo=UTC)),
        (["", "{}", "17.5"], HANDED_IN),
        ([], HANDED_IN),
    ],
)
def test_the_first_date_that_is_one_counts(dates: list[str], expected: datetime):
    assert document_date(traits(*dates)) == expected


def test_the_zone_of_a_date_counts():
    there = timezone(timedelta(hours=5))
    assert recency(datetime(2026, 1, 1, 16, tzinfo=there), NOW, 1) == pytest.approx(0.5 ** (1 / 24))


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("news", 0.75),
        (" NEWS ", 0.75),
        (["sport", "News"], 0.75),
        ("newsletter", 0.25),
        (None, 0.25),
        (7, 0.25),
        ({"news": True}, 0.25),
        ([["news"]], 0.25),
    ],
)
def test_a_wanted_category_counts_as_much_as_recency(category: JsonValue, expected: float):
    known = traits("2025-12-02T12:00:00Z", category=category)
    assert metadata_score(known, NOW, 30, "news") == pytest.approx(expected)
    assert metadata_score(known, NOW, 30, None) == pytest.approx(0.5)
