"""Passages shown with those around them, as few and as long as they then are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from groundwell.store.neighbours import Window
from groundwell.store.passages import Passage


@dataclass(slots=True)
class _Stretch:
    """Windows that touch; `members` are their places in the list that was given."""

    version: str
    start: int
    end: int
    members: list[int]

    def touches(self, other: _Stretch) -> bool:
        """Whether no chunk lies between the two."""
        is_near = self.start <= other.end and other.start <= self.end
        return self.version == other.version and is_near

    def absorb(self, other: _Stretch) -> None:
        """Reach over the other as well."""
        self.start, self.end = min(self.start, other.start), max(self.end, other.end)
        self.members = sorted((*self.members, *other.members))


def join_windows(windows: Sequence[Window], limit: int) -> list[tuple[int, Passage]]:
    """At most `limit` stretches of text, each with the place of its first window in `windows`.

    Windows of one document version that overlap, or between which no chunk lies, become one
    stretch: its text is the document's from the first character to the last, each once. The
    first `limit` windows all take part; further ones while there is room. In the order of
    `windows`; names and headings are those of the first window, the page is the stretch's.
    """
    stretches: list[_Stretch] = []
    for place, window in enumerate(windows):
        if place >= limit and len(stretches) >= limit:
            break
        passage = window.passage
        end = passage.char_end + len(window.gap)
        joined = _Stretch(window.version, passage.char_start, end, [place])
        apart: list[_Stretch] = []
        for stretch in stretches:
            if stretch.touches(joined):
                joined.absorb(stretch)
            else:
                apart.append(stretch)
        stretches = [*apart, joined]
    stretches.sort(key=lambda stretch: stretch.members[0])
    return [
        (stretch.members[0], _written([windows[place] for place in stretch.members]))
        for stretch in stretches
    ]


def _written(windows: Sequence[Window]) -> Passage:
    """The stretch that touching windows make."""
    ordered = sorted(windows, key=lambda window: window.passage.char_start)
    start = ordered[0].passage.char_start
    text, known = "", start
    for window in ordered:
        # A window's text may begin in what is known, or lie in it altogether.
        text += (window.passage.text + window.gap)[known - window.passage.char_start :]
        known = max(known, window.passage.char_end + len(window.gap))
    end = max(window.passage.char_end for window in windows)
    return replace(
        windows[0].passage,
        text=text[: end - start],
        page=ordered[0].passage.page,
        char_start=start,
        char_end=end,
        is_joined=len(windows) > 1 or windows[0].passage.is_joined,
    )
