"""Ways to injure a file: blind ones, and ones that know what it is made of."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from random import Random

from tests.chaos.base_documents import pack, unpack

Mutation = Callable[[bytes, Random], bytes]

_NUMBERS = (
    b"0",
    b"-1",
    b"1",
    b"65536",
    b"2147483647",
    b"4294967296",
    b"99999999999999999999",
    b"1e38",
)
_REFERENCE = re.compile(rb"\d+ 0 R")
_OBJECT = re.compile(rb"\d+ 0 obj.*?endobj\n", re.DOTALL)
_NUMBER = re.compile(rb"(?<=[ \[])-?\d+(?=[ \]\n>])")
_NAME = re.compile(rb"/[A-Za-z]+")
_TAG = re.compile(rb"</?[A-Za-z:]+")
_VALUE = re.compile(rb'(?<==")[^"]*')


def flip_bits(data: bytes, random: Random) -> bytes:
    injured = bytearray(data)
    for _ in range(random.choice((1, 4, 16, 64))):
        injured[random.randrange(len(injured))] ^= 1 << random.randrange(8)
    return bytes(injured)


def truncate(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(16, len(data))]


def splice(data: bytes, random: Random) -> bytes:
    """A piece of the file once more, over or between the rest."""
    start, size = random.randrange(len(data)), random.randrange(1, 400)
    place = random.randrange(len(data))
    return data[:place] + data[start : start + size] + data[place + random.choice((0, size)) :]


def blot(data: bytes, random: Random) -> bytes:
    start, size = random.randrange(len(data)), random.randrange(1, 200)
    return data[:start] + random.randbytes(size) + data[start + size :]


def _exchange(pattern: re.Pattern[bytes]) -> Mutation:
    """What the pattern finds in one place, put in another."""

    def mutate(data: bytes, random: Random) -> bytes:
        found = list(pattern.finditer(data))
        if not found:
            return flip_bits(data, random)
        taken, place = random.choice(found), random.choice(found)
        return data[: place.start()] + taken[0] + data[place.end() :]

    return mutate


def _remove(pattern: re.Pattern[bytes]) -> Mutation:
    def mutate(data: bytes, random: Random) -> bytes:
        found = list(pattern.finditer(data))
        if not found:
            return flip_bits(data, random)
        place = random.choice(found)
        return data[: place.start()] + data[place.end() :]

    return mutate


def change_number(data: bytes, random: Random) -> bytes:
    found = list(_NUMBER.finditer(data))
    place = random.choice(found)
    return data[: place.start()] + random.choice(_NUMBERS) + data[place.end() :]


def repeat_part(data: bytes, random: Random) -> bytes:
    """One element a thousand times inside of itself or after itself."""
    start = random.randrange(len(data))
    piece = data[start : start + random.randrange(1, 60)]
    return data[:start] + piece * 1000 + data[start:]


PDF_MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    truncate,
    splice,
    blot,
    _exchange(_REFERENCE),
    _exchange(_OBJECT),
    _remove(_OBJECT),
    _exchange(_NAME),
    change_number,
    repeat_part,
)
XML_MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    truncate,
    splice,
    blot,
    _exchange(_TAG),
    _remove(_TAG),
    _exchange(_VALUE),
    repeat_part,
)
ZIP_MUTATIONS: tuple[Mutation, ...] = (flip_bits, truncate, splice, blot)


def injure_pdf(data: bytes, random: Random) -> bytes:
    """One to three injuries."""
    for _ in range(random.randint(1, 3)):
        data = random.choice(PDF_MUTATIONS)(data, random)
    return data


def injure_docx(data: bytes, random: Random) -> bytes:
    """Injure the archive, what it lists, or the XML in it, which stays readable as an archive."""
    if random.random() < 1 / 3:
        return random.choice(ZIP_MUTATIONS)(data, random)
    members = unpack(data)
    victim, other = random.choice(list(members)), random.choice(list(members))
    match random.randrange(6):
        case 0:
            del members[victim]
        case 1:
            members[victim], members[other] = members[other], members[victim]
        case 2:
            members[f"{victim}/../{other}"] = members.pop(victim)
        case _:
            for _ in range(random.randint(1, 3)):
                members[victim] = random.choice(XML_MUTATIONS)(members[victim], random) or b" "
    return pack(members, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
