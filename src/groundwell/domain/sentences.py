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

_BREAK = re.compile(
    rf"""
      (?P<paragraph> \n[^\S\n]*\n\s* | [\f\v\u2029]\s* )
    | (?P<line> \n | \r (?!\n) | \u2028 )
    | (?P<full> [。！？｡．।॥۔؟։።။។]+ [{_CLOSERS}]* )
    | (?P<mark> (?<![.!?…]) [.!?…]++ [{_CLOSERS}]*+ (?=\s) )
    """,
    re.VERBOSE,
)
# "。" inside reported speech: 「はい。」と言った
_REPORTED = re.compile("[とっ]")
_LAST_WORD = re.compile(r"[\w.&'’-]{1,24}\Z")
_ACRONYM = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_NEXT_WORD = re.compile(r"[\w'’]+")
_SHORT_LINE = 40

# Followed by what they belong to, so never the end.
_BOUND = frozenset(
    """
    adm al. approx assoc brig bros ca capt cf cmdr col cpl dept dipl dr eds eq eqs esp ex excl fig
    figs fr gen gov hon hr incl lt maj max messrs min mlle mme mr mrs ms mt nr op ph pl pp pres
    prof ref refs rep resp rev sec sect sen sgt sr st tab tel univ viz vol vols vs
    abb abs allg bspw bzw evtl ggf gem hrsg inkl insb sog str usw.so vgl zzgl ziff
    """.split()
)
# At the end of a sentence as often as not: only a word that likes to open sentences decides.
_LOOSE = frozenset(
    "al assn ave blvd bro co corp dist ed est etc inc jr ltd no. rd sq usw st.".split()
)
# Bound only to a number: "No. 5", "p. 12", "Jan. 3", "Art. 9".
_COUNTED = frozenset(
    """
    app apr art aug bd ch chap dec ex feb jan jul jun kap mar no nos nov nr oct p para pos q rn s
    sep sept ser v ver
    """.split()
)
_STARTERS = frozenset(
    """
    a after all also although an and another any as at because before both but by during each
    even for from he her here his how however i if in it its many more most my no now of on once
    one only or our she since so some such that the their then there therefore these they this
    those thus to under until we what when where which while who why with you your
    """.split()
)
_GERMAN_MONTHS = frozenset(
    """
    januar jänner februar märz april mai juni juli august september oktober november dezember
    jahrhundert
    """.split()
)

_ITEM = re.compile(r"[^\S\n]*(?:[-*+•◦▪‣–—·>|#]|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s|\d+(?:\.\d+)+\s)")
_ROW = re.compile(r"\t| \| |\S {3,}\S")


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """The half-open spans of the sentences in `text[start:end]`, in order.

    Spans neither begin nor end with white space, are never empty, do not overlap, and together
    hold every character that is not white space. Offsets point into `text`. Marks outside of
    `[start, end)` are not looked at. Runs in time linear in the length.
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
    for match in _BREAK.finditer(text, start, end):
        if _is_end(text, match, begin, end):
            begin = match.end()
            yield begin


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
    line_start = max(begin, text.rfind("\n", begin, line_end) + 1)
    following = text[next_line : min(next_line + 80, end)]
    if _ITEM.match(following) or text.startswith("#", line_start):
        return True
    line = text[line_start : min(line_end, line_start + 400)]
    if _ROW.search(line.strip()) or _ROW.search(following.partition("\n")[0].strip()):
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
    if found is None:
        return True
    return _ends_after(found.group(), found.start(), _next_word(text, position), text, begin)


def _next_word(text: str, position: int) -> str:
    found = _NEXT_WORD.match(text, position, position + 24)
    return found.group() if found else ""


def _ends_after(word: str, word_start: int, following: str, text: str, begin: int) -> bool:
    """Whether a full stop after `word` ends the sentence, when `following` comes next."""
    lowered = word.lower()
    opens = following.lower() in _STARTERS
    if lowered in _BOUND:
        return False
    if lowered in _COUNTED and following[:1].isdigit():
        return False
    if lowered in _LOOSE or _ACRONYM.fullmatch(word):
        return opens
    if len(word) == 1 and word.isupper():
        return opens
    if word.isdigit():
        is_list_number = len(word) <= 3 and not text[begin:word_start].strip()
        is_ordinal = len(word) <= 2 and following.lower() in _GERMAN_MONTHS
        return not is_list_number and not is_ordinal
    return True
