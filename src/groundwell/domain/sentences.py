"""Where sentences begin and end, by rules, in any script.

A sentence ends at a mark such as `.`, `?`, `。` or `।` that is not part of an abbreviation, an
initial or a number; at an empty line; and at the end of a line that is a heading, a list item, a
table row or plainly shorter than running text. A line that merely wraps ends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLOSERS = "\"'”’»›)\\]}」』】）〉》"
_OPENERS = re.compile("[\\s\"'“‘«‹„(\\[{¿¡*_]*")

_FULL_STOPS = "。！？｡．।॥۔؟։።။។"
# With what each break begins: to look for one of these first is eight times as fast.
_FIRST = re.compile(rf"[\n\r\f\v\u2028\u2029.!?…{_FULL_STOPS}]")
_BREAK = re.compile(
    rf"""
      (?P<paragraph> \n[^\S\n]*\n\s* | [\f\v\u2029]\s* )
    | (?P<line> \n | \r (?!\n) | \u2028 )
    | (?P<full> [{_FULL_STOPS}]+ [{_CLOSERS}]* )
    | (?P<mark> (?<![.!?…]) [.!?…]++ [{_CLOSERS}]*+ (?=\s) )
    """,
    re.VERBOSE,
)
_STRETCH = 100_000
# Within a word, where no break can be, nor anything that one depends on.
_SEAM = re.compile(r"(?<=\w)(?=\w)")
# "。" inside reported speech: 「はい。」と言った
_REPORTED = re.compile("[とっ]")
_LAST_WORD = re.compile(r"[\w.&'’-]{1,24}\Z")
_ACRONYM = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_NEXT_WORD = re.compile(r"[\w'’]+")
_SHORT_LINE = 40
_LONG_LINE = 400


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Followed by what they belong to, so never the end.
_BOUND = _words("""
    adm approx assoc brig bros ca capt cf cmdr col cpl dept dipl dr eds eq eqs esp excl fig figs
    fr gov hon hr incl lt maj messrs mlle mme mr mrs ms mt nr ph pl pp pres prof ref refs resp
    rev sen sgt sr st tel univ viz vol vols vs
    abb allg bspw bzw evtl ggf hrsg inkl insb sog str vgl zzgl ziff
""")
# At the end of a sentence as often as not: only a word that likes to open sentences decides.
_LOOSE = _words("""
    abs al assn ave blvd bro co corp dist ed est etc ex gem gen inc jr ltd max min op rd rep sec
    sect sq tab usw
""")
# Bound only to a number: "No. 5", "p. 12", "Jan. 3", "Art. 9".
_COUNTED = _words("""
    app apr art aug bd ch chap dec feb jan jul jun kap mar no nos nov oct p para pos q rn s sep
    sept ser v ver
""")
_STARTERS = _words("""
    a after all also although an and another any as at because before both but by during each
    even for from he her here his how however i if in it its many more most my no now of on once
    one only or our she since so some such that the their then there therefore these they this
    those thus to under until we what when where which while who why with you your
""")
_GERMAN_MONTHS = _words("""
    januar jänner februar märz april mai juni juli august september oktober november dezember
    jahrhundert
""")
_LIST_NUMBER = re.compile(r"\d{1,3}")
_DAY = re.compile(r"\d{1,2}")

_ITEM = re.compile(
    r"[^\S\n]*(?:[-*+•◦▪‣–—·]\s|[>|#]|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s|\d+(?:\.\d+)+\s)"
)
_ROW = re.compile(r"\t| \| |\S {3,}\S")


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """The half-open spans of the sentences in `text[start:end]`, in order.

    Spans neither begin nor end with white space, are never empty, do not overlap, and together
    hold every character that is not white space. Offsets point into `text`. Runs
    in time linear in the length.
    """
    end = len(text) if end is None else end
    spans: list[tuple[int, int]] = []
    begin = start
    for cut in _cuts(text, start, end):
        span = trim(text, begin, cut)
        if span:
            spans.append(span)
        begin = cut
    last = trim(text, begin, end)
    return [*spans, last] if last else spans


def trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The span without white space at its ends; None when nothing else is in it."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def _cuts(text: str, start: int, end: int) -> Iterator[int]:
    begin = start
    for match in _breaks(text, start, end):
        if _is_end(text, match, begin, end):
            begin = match.end()
            yield begin


def _breaks(text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    """All matches, looked for in stretches: while one search runs, no other thread does."""
    while end - start > _STRETCH:
        furthest = min(end, start + 2 * _STRETCH)
        seam = _SEAM.search(text, start + _STRETCH, furthest)
        stop = seam.start() if seam else furthest
        yield from _breaks_within(text, start, stop)
        start = stop
    yield from _breaks_within(text, start, end)


def _breaks_within(text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    while first := _FIRST.search(text, start, end):
        match = _BREAK.match(text, first.start(), end)
        start = match.end() if match else first.end()
        if match:
            yield match


def _is_end(text: str, match: re.Match[str], begin: int, end: int) -> bool:
    """Whether the break found at `match` really ends the sentence that starts at `begin`."""
    match match.lastgroup:
        case "paragraph":
            return True
        case "line":
            return _is_line_end(text, match.start(), match.end(), begin, end)
        case "full":
            follower = text[match.end() : match.end() + 1]
            is_number = match.group() == "．" and follower.isdigit()
            return not is_number and not (match.group()[-1] in "」』" and _REPORTED.match(follower))
        case _:
            return _is_mark_end(text, match, begin, end)


def _is_line_end(text: str, line_end: int, next_line: int, begin: int, end: int) -> bool:
    earliest = max(begin, line_end - _LONG_LINE)
    line_start = max(earliest, text.rfind("\n", earliest, line_end) + 1)
    following = text[next_line : min(next_line + 80, end)]
    if _ITEM.match(following) or text.startswith("#", line_start):
        return True
    if _ROW.search(text[line_start:line_end].strip()) or _ROW.search(
        following.partition("\n")[0].strip()
    ):
        return True
    head = following.lstrip()[:1]
    return line_end - line_start < _SHORT_LINE and (head.isupper() or head.isdigit())


def _is_mark_end(text: str, match: re.Match[str], begin: int, end: int) -> bool:
    opening = _OPENERS.match(text, match.end(), min(end, match.end() + 200))
    position = opening.end() if opening else match.end()
    if position >= end:
        return True
    if text[position].islower():
        return False
    if not match.group().startswith(".") or match.group().startswith(".."):
        return True
    found = _LAST_WORD.search(text, max(begin, match.start() - 24), match.start())
    if found is None or text.startswith("°", found.start() - 1):  # 35 °C
        return True
    return _ends_after(found.group(), found.start(), _next_word(text, position), text, begin)


def _next_word(text: str, position: int) -> str:
    found = _NEXT_WORD.match(text, position, position + 24)
    return found.group() if found else ""


def _ends_after(word: str, word_start: int, following: str, text: str, begin: int) -> bool:
    """Whether a full stop after `word` ends the sentence, when `following` comes next."""
    lowered = word.lower()
    if lowered in _BOUND or (lowered in _COUNTED and following[:1].isdigit()):
        return False
    is_initial = len(word) == 1 and word.isupper()
    if is_initial or lowered in _LOOSE or _ACRONYM.fullmatch(word):
        return following.lower() in _STARTERS
    if word.isdigit():
        is_first = word_start - begin < _SHORT_LINE and not text[begin:word_start].strip()
        if is_first and _LIST_NUMBER.fullmatch(word):
            return False
        return not (_DAY.fullmatch(word) and following.lower() in _GERMAN_MONTHS)
    return True
