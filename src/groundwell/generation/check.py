"""The gate behind a language model: what an answer must not get wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from groundwell.domain.search import SearchResult
from groundwell.generation.cite import Draft

MAX_SHOWN_CHARS = 160

_LIST_NUMBER = re.compile(r"^\s*\d{1,3}[.)](?=\s|$)", re.MULTILINE)
_THOUSANDS = re.compile(r"(?<=\d)[.,'’\u00a0\u202f](?=\d{3}(?!\d))")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}://|www\.)[^\s<>\[\]()\"'`]+", re.IGNORECASE)


def problems_of(draft: Draft, sources: Sequence[SearchResult]) -> list[str]:
    """What is wrong with a finished draft, in sentences a model can act on; empty if nothing.

    An answer cites at least one source; a statement does not rest on markers of unknown sources
    alone; every number and every web address occurs in a source that its statement cites, or,
    where a statement cites none, in any of `sources`. An address that the model made up could
    carry what it has read to a stranger's server, one click later.
    """
    if not draft.citations:
        return ["It cites no source. Every statement needs a [n] of the source it comes from."]
    problems: list[str] = []
    everything = _numbers_of(sources)
    for statement in draft.statements():
        shown = " ".join(statement.text.split())[:MAX_SHOWN_CHARS]
        if statement.unknown_markers and not statement.sources:
            problems.append(f'This statement cites a source that does not exist: "{shown}"')
        allowed = _numbers_of(statement.sources) if statement.sources else everything
        missing = numbers_in(_LIST_NUMBER.sub("", statement.text)) - allowed
        if missing:
            named = ", ".join(sorted(missing))
            problems.append(f'These numbers are not in the cited source: {named}. "{shown}"')
        if _has_made_up_address(statement.text, statement.sources or sources):
            problems.append(f'This statement has a web address that no source has: "{shown}"')
    return problems


def _has_made_up_address(text: str, sources: Sequence[SearchResult]) -> bool:
    addresses = [address.rstrip(".,;:!?") for address in _ADDRESS.findall(text)]
    return any(all(address not in source.text for source in sources) for address in addresses)


def numbers_in(text: str) -> frozenset[str]:
    """The numbers in `text`, in one spelling: `1,000` as `1000`, `2,50` as `2.5`, `٣` as `3`."""
    digits = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    return frozenset(map(_spelled, _NUMBER.findall(_THOUSANDS.sub("", digits))))


def _spelled(number: str) -> str:
    whole, point, fraction = number.replace(",", ".").partition(".")
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (point + fraction if fraction else "")


def _numbers_of(sources: Sequence[SearchResult]) -> frozenset[str]:
    return frozenset().union(
        *(
            numbers_in("\n".join((s.text, s.title or "", s.filename, *s.heading_path)))
            for s in sources
        )
    )
