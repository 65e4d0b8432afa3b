import pytest

from groundwell.adapters.parser.kreuzberg.canonical import CanonicalText, choose_title, clean
from groundwell.adapters.parser.kreuzberg.pdf import join_broken_words
from groundwell.adapters.parser.kreuzberg.right_to_left import (
    is_visual_order,
    restore_reading_order,
)
from groundwell.domain.documents import PageSpan
from groundwell.domain.errors import DocumentError


def test_divided_words_are_mended_and_real_hyphens_stay():
    vocabulary = {"well-known": 2, "wellknown": 0}
    text = "an inter-\nnational and well-\nknown North-\nSouth line"
    mended = "an international and well-known North-\nSouth line"
    assert join_broken_words(text, vocabulary) == mended


def test_backward_right_to_left_line_is_turned_and_latin_words_keep_their_order():
    backward = ".العمل pandas library نتائج تحسين"
    assert is_visual_order(backward)
    assert restore_reading_order(backward) == "تحسين نتائج pandas library العمل."


def test_right_to_left_text_in_reading_order_is_left_alone():
    assert not is_visual_order("تحسين نتائج العمل.")
    assert restore_reading_order("An English line, untouched.") == "An English line, untouched."


@pytest.mark.parametrize(
    "junk",
    [
        *("", "  ", "untitled", "Microsoft Word - letter.doc", "thesis.pdf", "12-3", None),
        *("scan_2024_01", "PowerPoint Presentation", "Document 1", "(anonymous)"),
    ],
)
def test_title_that_a_program_wrote_is_no_title(junk: str | None):
    assert choose_title(junk) is None


def test_title_of_a_person_is_kept_in_one_line():
    assert choose_title(" The Siege\n of  Vicksburg ") == "The Siege of Vicksburg"


def test_blocks_of_one_page_form_one_span():
    canonical = CanonicalText(100)
    canonical.add("Head", level=1, page=1)
    canonical.add("", page=1)
    canonical.add("Body", page=1)
    canonical.add("Next", page=3)
    reading = canonical.finish()
    assert reading.text == "Head\n\nBody\n\nNext"
    assert reading.pages == (PageSpan(1, 0, 10), PageSpan(3, 12, 16))
    assert reading.title == "Head"


def test_text_that_grows_over_its_limit_is_refused():
    canonical = CanonicalText(10)
    with pytest.raises(DocumentError, match="10 characters"):
        canonical.add("eleven word")


def test_unwanted_characters_go_and_line_ends_become_plain():
    assert clean("a\r\nb\rc\u2028d\x00\ud800\ufeff\u00ade\u0301") == "a\nb\nc\ndé"
