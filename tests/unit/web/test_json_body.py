"""Reading JSON strictly."""

from __future__ import annotations

import json

import pytest

from groundwell.web.json_body import read_json


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, 2.5, "x", null, true]}', {"a": [1, 2.5, "x", None, True]}),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\\u0000"', "\\u0000"),
        (b"18446744073709551615", 2**64 - 1),
    ],
)
def test_good_json_is_read(data: bytes, value: object) -> None:
    assert read_json(data) == value


@pytest.mark.parametrize(
    "data",
    [b"", b"NaN", b"[Infinity]", rb'"\ud800"', rb'"\u0000"', rb'{"\u0000": 1}', b'"\x00"', b"\xff"],
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json(data)


def test_nul_is_found_however_deep_it_lies() -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json(b"[" * 1000 + rb'"\u0000"' + b"]" * 1000)
