"""Reads HTML: which elements there are, and what text stands right in each."""

from __future__ import annotations

from html.parser import HTMLParser


class _Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts = [["", ""]]
        self.open = [0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert attrs in ([], [("type", "A")])
        self.parts.append([tag, ""])
        self.open.append(len(self.parts) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.parts[self.open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        self.parts[self.open[-1]][1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def html_parts(text: str) -> list[tuple[str, str]]:
    """Each element's name and own text, in order; first, without a name, what stands in none."""
    parser = _Parts()
    parser.feed(text)
    parser.close()
    assert parser.open == [0], "every element is closed"
    return [(tag, own) for tag, own in parser.parts]


def plain(text: str) -> str:
    """What is shown of HTML that must not have any element."""
    [(_, own)] = html_parts(text)
    return own


def texts_of(text: str, *tags: str) -> tuple[str, ...]:
    """The texts of all elements of these names."""
    return tuple(own for tag, own in html_parts(text) if tag in tags)


def explained(text: str) -> tuple[str, str, str, int | None]:
    """Explanation, quote, document and page of the feedback that says all of them."""
    parts = html_parts(text)
    assert {tag for tag, _ in parts} <= {"", "p", "q", "cite"}
    paragraphs = [own for tag, own in parts if tag == "p"]
    (quote,), (document,) = texts_of(text, "q"), texts_of(text, "cite")
    page = paragraphs[-1].rpartition(", page ")[2].strip()
    return (
        paragraphs[0] if len(paragraphs) > 1 else "",
        quote,
        document,
        int(page) if page else None,
    )
