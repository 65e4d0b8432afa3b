"""Reading JSON strictly."""

from __future__ import annotations

import json
import time

import pytest
from tests.waiting import slowness

from groundwell.web.json_body import TOO_MANY_VALUES, read_json


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, 2.5, "x", null, true]}', {"a": [1, 2.5, "x", None, True]}),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\\u0000"', "\\u0000"),
        (b"18446744073709551615", 2**64 - 1),
        (rb'{"a": "x:y\":\\", "b": {"a": [":", {"a": 1}, {"a": 2}]}}', None),
    ],
)
def test_good_json_is_read(data: bytes, value: object) -> None:
    assert read_json(data) == (json.loads(data) if value is None else value)


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"NaN",
            b"[Infinity]",
            rb'"\ud800"',
            rb'"\u0000"',
            rb'{"\u0000": 1}',
            b'"\x00"',
            b"\xff",
        ),
        b'{"a": 1, "a": 1}',
        rb'{"a": ":", "\u0061": 2}',
        b'[{"b": {"a": 1, "c": ":\\"", "a": 2}}]',
    ],
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json(data)


def test_nul_is_found_however_deep_it_lies() -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json(b"[" * 1000 + rb'"\u0000"' + b"]" * 1000)


MANY = 1_000_001


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"[]," * MANY + b"[]]",
        b"[" + b"{}," * MANY + b"1]",
        b"[" + b"1," * MANY + b"1]",
        b'[{"text": "a, [b] {c}", "metadata": {"a": [' + b'"x",' * MANY + b'"x"]}}]',
        # No JSON at all: that is found out in no time, too.
        b'""' * 4 * MANY + b"," * MANY,
        b"[" * MANY,
    ],
    ids=["lists", "objects", "numbers", "strings", "quotes", "open"],
)
def test_a_body_of_too_many_values_is_refused_before_they_take_memory(data: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(json.JSONDecodeError) as caught:
        read_json(data)
    assert caught.value.msg == TOO_MANY_VALUES
    assert time.process_time() - begun < 5 * slowness()


def test_marks_within_texts_are_no_values() -> None:
    table = 'a,b;[c]{d}\\",' * 300_000
    assert read_json(json.dumps([{"text": table}]).encode()) == [{"text": table}]


def test_a_text_without_an_end_is_looked_at_once() -> None:
    data = b'"' + rb"\"" * 4 * MANY + b"," * MANY
    begun = time.process_time()
    with pytest.raises(json.JSONDecodeError):
        read_json(data)
    assert time.process_time() - begun < 5 * slowness()
