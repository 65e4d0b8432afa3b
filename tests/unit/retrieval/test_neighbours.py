from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from groundwell.retrieval.neighbours import join_windows
from groundwell.store.neighbours import Window
from groundwell.store.passages import Passage

TEXT = "".join(chr(ord("a") + i % 26) + str(i % 10) for i in range(120))


def window(start: int, end: int, gap: int = 0, *, version: str = "v", page: int = 1) -> Window:
    passage = Passage(
        document_id="doc",
        version=1,
        filename="doc.txt",
        title=f"from {start}",
        text=TEXT[start:end],
        page=page,
        char_start=start,
        char_end=end,
        heading_path=(f"h{start}",),
        metadata={},
        language="en",
    )
    return Window(passage, version, TEXT[end : end + gap])


def spans(windows: list[Window], limit: int) -> list[tuple[int, int, int]]:
    joined = join_windows(windows, limit)
    return [(place, passage.char_start, passage.char_end) for place, passage in joined]


def test_windows_apart_stay_apart():
    assert spans([window(50, 60), window(0, 10)], 5) == [(0, 50, 60), (1, 0, 10)]


def test_windows_that_meet_are_joined_with_what_stands_between():
    ((place, passage),) = join_windows([window(12, 20, page=3), window(0, 10, 2, page=2)], 5)
    assert (place, passage.char_start, passage.char_end) == (0, 0, 20)
    assert passage.text == TEXT[0:20]
    assert (passage.title, passage.heading_path) == ("from 12", ("h12",))
    assert passage.page == 2


def test_overlapping_windows_show_what_they_share_once():
    ((_, passage),) = join_windows([window(5, 15), window(0, 8), window(6, 9)], 5)
    assert passage.text == TEXT[0:15]


def test_windows_of_other_documents_or_versions_do_not_touch():
    assert len(join_windows([window(0, 10), window(5, 15, version="w")], 5)) == 2


def test_text_tells_whether_passages_were_joined():
    ((_, alone),) = join_windows([window(0, 10)], 5)
    ((_, joined),) = join_windows([window(0, 10), window(5, 15)], 5)
    assert (alone.is_joined, joined.is_joined) == (False, True)


def test_the_gap_at_the_end_is_not_shown():
    ((_, passage),) = join_windows([window(0, 10, 4)], 5)
    assert (passage.text, passage.char_end) == (TEXT[0:10], 10)


def test_a_window_can_join_two_others():
    windows = [window(0, 10), window(20, 30), window(10, 20)]
    assert spans(windows, 3) == [(0, 0, 30)]


def test_further_windows_fill_the_room_that_joining_made():
    windows = [window(0, 10), window(5, 15), window(50, 60), window(70, 80), window(90, 95)]
    assert spans(windows, 2) == [(0, 0, 15), (2, 50, 60)]
    assert spans(windows, 3) == [(0, 0, 15), (2, 50, 60), (3, 70, 80)]


def test_what_is_not_needed_to_fill_the_room_changes_nothing():
    assert spans([window(0, 10), window(50, 60), window(8, 14)], 2) == [(0, 0, 10), (1, 50, 60)]


places = st.tuples(
    st.integers(0, 200), st.integers(1, 30), st.integers(0, 6), st.sampled_from("vw")
)


@given(given_places=st.lists(places, max_size=16), limit=st.integers(1, 8))
def test_stretches_are_verbatim_apart_and_in_order(
    given_places: list[tuple[int, int, int, str]], limit: int
):
    windows = [
        window(start, start + length, gap, version=version)
        for start, length, gap, version in given_places
        if start + length + gap <= len(TEXT)
    ]
    joined = join_windows(windows, limit)
    assert len(joined) <= limit
    assert [place for place, _ in joined] == sorted({place for place, _ in joined})
    for place, passage in joined:
        assert passage.text == TEXT[passage.char_start : passage.char_end]
        assert passage.char_start <= windows[place].passage.char_start
        assert windows[place].passage.char_end <= passage.char_end
    # What was to be shown is shown, and nothing of one version twice.
    shown = {
        version: sorted(
            (passage.char_start, passage.char_end)
            for place, passage in joined
            if windows[place].version == version
        )
        for version in "vw"
    }
    for spans_of_one in shown.values():
        assert all(first[1] <= second[0] for first, second in pairwise(spans_of_one))
    for each in windows[:limit]:
        assert any(
            start <= each.passage.char_start and each.passage.char_end <= end
            for start, end in shown[each.version]
        )
