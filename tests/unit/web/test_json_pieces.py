"""Reading large JSON texts in pieces gives what reading them as a whole gives."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import orjson
import pytest
from tests.seeds import SEED

from groundwell.web.json_body import (
    REPEATED_NAME,
    TOO_MANY_NAMES,
    TOO_MANY_TOGETHER,
    read_json,
)
from groundwell.web.json_pieces import read_in_pieces

LONG = "x" * 70_000
ELEMENTS: list[Any] = [
    LONG,
    {"a": LONG, "b": [1, {"c": "]}"}]},
    {"a": "{[,:", "b": 'quote " and \\ backslash', "c": "\\"},
    [[], {}, [LONG]],
    '\\"' * 40_000,
    "é" * 40_000,
    {},
    [],
    None,
    -1.5e3,
]
MARK = re.compile(rb'[,\[\]{}":]|\\.')
FAULTS = (b",", b"]", b"}", b"[", b'"', b"\\", b"1", b" ", b"\xff", b"{", b":")


def texts() -> list[bytes]:
    throw = random.Random(f"{SEED} pieces")
    some = [throw.choices(ELEMENTS, k=throw.randrange(12)) for _ in range(20)]
    values = [*some, *({"first": 1, "all": each, "none": [], "o": {"l": each}} for each in some)]
    return [json.dumps(value, indent=throw.choice((None, 1))).encode() for value in values]


@pytest.mark.parametrize("data", texts(), ids=lambda data: str(len(data)))
def test_a_text_read_in_pieces_is_the_text_read_as_a_whole(data: bytes) -> None:
    read: list[int] = []

    def counted(piece: bytes) -> object:
        read.append(len(piece))
        return orjson.loads(piece)

    assert read_in_pieces(data, counted) == orjson.loads(data)
    assert len(data) < 500_000 or len(read) > 2


def test_what_is_no_json_as_a_whole_is_none_in_pieces() -> None:
    throw = random.Random(f"{SEED} faults")
    good = [(text, [found.start() for found in MARK.finditer(text)]) for text in texts()]
    refused = 0
    for _ in range(300):
        text, marks = throw.choice(good)
        data = bytearray(text)
        place = throw.choice(marks)
        data[place : place + throw.randrange(2)] = throw.choice(FAULTS)
        try:
            expected = orjson.loads(bytes(data))
        except json.JSONDecodeError:
            with pytest.raises(json.JSONDecodeError):
                read_in_pieces(bytes(data), orjson.loads)
            refused += 1
        else:
            assert read_in_pieces(bytes(data), orjson.loads) == expected
    assert refused > 100


@pytest.mark.parametrize(
    "data",
    [
        b'["%b", nul]' % (b"x" * 70_000),
        b'{"a": ["%b", {"b": 1}, 01], "c": 1}' % ("é" * 70_000).encode(),
        b'{"a": ["%b", 1, 2], "c": [1], "d" 1}' % (b"x" * 70_000),
        b'{"a": ["%b", 1 2], "c": [1], "d" 1}' % (b"x" * 70_000),
    ],
    ids=["in an element", "behind long letters", "behind the lists", "twice"],
)
def test_a_fault_is_told_where_it_stands(data: bytes) -> None:
    with pytest.raises(json.JSONDecodeError) as whole:
        orjson.loads(data)
    with pytest.raises(json.JSONDecodeError) as pieces:
        read_in_pieces(data, orjson.loads)
    assert (pieces.value.pos, pieces.value.msg) == (whole.value.pos, whole.value.msg)


@pytest.mark.parametrize("missing", [b'["%b",]', b'["%b",,1]', b'[,"%b"]', b'{"a": ["%b",  ]}'])
def test_an_element_that_is_missing_is_a_fault(missing: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json(missing % (b"x" * 70_000))


MANY = {
    "values in one element": ([{"a": [[]] * 100_001}], TOO_MANY_TOGETHER),
    "values of one member": ({"a": {"b": [1] * 100_001}}, TOO_MANY_TOGETHER),
    "names": ({"a": {f"{number:x}": 1 for number in range(20_001)}}, TOO_MANY_NAMES),
    "names at the top": ({f"{number:x}": 1 for number in range(20_001)}, TOO_MANY_NAMES),
}


@pytest.mark.parametrize(("value", "message"), MANY.values(), ids=MANY.keys())
def test_what_would_hold_everybody_up_is_refused(value: object, message: str) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        read_json(orjson.dumps(value))
    assert caught.value.msg == message


def test_a_million_values_may_stand_in_many_elements() -> None:
    value = {"rows": [[1] * 1_000] * 990}
    assert read_json(orjson.dumps(value)) == value


def test_a_name_that_stands_twice_is_found_in_every_piece() -> None:
    for text in (b'["%b", {"a": 1, "a": 2}]', b'{"a": ["%b"], "a": []}'):
        with pytest.raises(json.JSONDecodeError) as caught:
            read_json(text % (b"x" * 70_000))
        assert caught.value.msg == REPEATED_NAME
