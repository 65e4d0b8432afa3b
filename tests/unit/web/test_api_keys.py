"""API keys."""

from __future__ import annotations

import pytest

from groundwell.domain.api_keys import digest_api_key, make_api_key, read_api_key


def test_a_key_that_was_made_can_be_read() -> None:
    key = make_api_key()
    assert read_api_key(key.text) == key


def test_no_two_keys_are_alike() -> None:
    assert len({make_api_key().text for _ in range(100)}) == 100


def test_every_single_wrong_character_is_noticed() -> None:
    text = make_api_key().text
    for place, character in enumerate(text):
        wrong = "0" if character != "0" else "1"
        assert read_api_key(text[:place] + wrong + text[place + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", "gw", "gw___", "gw_" + "0" * 1_000_000, "\0" * 94, "\u0664" * 94, "gw_\n"]
)
def test_what_is_no_key_is_not_read(text: str) -> None:
    assert read_api_key(text) is None


@pytest.mark.parametrize("extra", ["\n", " ", "0", "\0"])
def test_nothing_may_stand_after_a_key(extra: str) -> None:
    assert read_api_key(make_api_key().text + extra) is None


def test_a_digest_depends_on_the_key_and_on_the_pepper() -> None:
    first, second = make_api_key(), make_api_key()
    digests = {digest_api_key(k, p) for k in (first, second) for p in (b"salt", b"pepper")}
    assert len(digests) == 4
    assert all(len(digest) == 32 for digest in digests)
