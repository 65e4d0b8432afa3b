"""Replacing personal data."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.waiting import slowness

from groundwell.domain.privacy import find_personal_data, names_in_profile, scrub

HOSTILE = [
    "a", "1 ", "12 ", "(1", "A ", "12 Aaa ", "a@", "a.a", "1-", "0 ", "::", "Ähab", "-", " ", "\n",
    "call me at 12 ", "DE12 ", "1234 ", "Am Aaaa", "[at] ", "Ann ", "1 Aa' ", "send ", "Via ",
]  # fmt: skip


def test_placeholders_name_the_kind_and_the_rest_stays_as_it_was() -> None:
    text = "Mail  ann@example.org\tor +49 30 901820.\n"
    assert scrub(text) == "Mail  [email]\tor [phone].\n"


def test_the_same_kind_always_has_the_same_placeholder() -> None:
    assert scrub("To a@example.org.") == scrub("To b@example.com.")


def test_a_text_without_personal_data_is_returned_unchanged() -> None:
    assert scrub("Squat 5x5 at 100 kg – ﬁne, 18:30.") == "Squat 5x5 at 100 kg – ﬁne, 18:30."


@given(st.text(max_size=300))
def test_findings_are_in_order_and_do_not_overlap(text: str) -> None:
    spans = find_personal_data(text, ["Ann Lee"])
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= two.start for one, two in pairwise(spans))


@given(st.text("ab@. +0123456789-()[]xAnLe:", max_size=120))
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    once = scrub(text)
    assert scrub(once) == once


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_take_no_longer_than_others(piece: str) -> None:
    start = time.process_time()
    scrub((piece * 50_000)[:50_000], ["Ann Lee"])
    assert time.process_time() - start < 2 * slowness()


@pytest.mark.parametrize(
    ("profile", "names"),
    [
        ({"name": "Ann Lee", "age": 30}, ["Ann Lee"]),
        ({"first_name": " Ann ", "last_name": "Lee"}, ["Ann", "Lee"]),
        ({"names": ["Ann", 5, "", "A", "Ann"]}, ["Ann"]),
        ({"name": None, "nickname": {"a": "b"}}, []),
        ("Ann", []),
        (["Ann"], []),
        (None, []),
        ({"name": "x" * 101}, []),
    ],
)
def test_names_are_read_from_a_profile_of_any_shape(profile: object, names: list[str]) -> None:
    assert names_in_profile(profile) == names  # type: ignore[arg-type] - whatever clients send


def test_no_more_than_twenty_names_are_looked_for() -> None:
    assert len(names_in_profile({"names": [f"Name {number}" for number in range(100)]})) == 20
