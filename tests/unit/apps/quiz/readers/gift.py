"""Reads GIFT as Moodle does: the rules of https://docs.moodle.org/en/GIFT_format.

What is escaped is hidden before anything else is looked for, and shown again at the end. What
stands first decides: a `#` for numbers, a `~` for choices, `=` with `->` for matching.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.unit.apps.quiz.asked import Seen
from tests.unit.apps.quiz.readers.html_parts import explained, plain

from groundwell.apps.quiz.questions import QuestionType

HIDDEN = {f"\\{char}": f"&&{ord(char):03};" for char in ":#={}~"} | {"\\n": "&&010;"}
WEIGHT = re.compile(r"%(-?\d{1,3}(?:\.\d*)?)%")
FORMAT = re.compile(r"\[(html|plain|markdown|moodle)\]")


@dataclass
class GiftQuestion:
    """What Moodle makes of one block."""

    title: str
    id: str
    tags: tuple[str, ...]
    seen: Seen


def read_gift(text: str) -> list[GiftQuestion]:
    """All questions of a file; blocks of comments alone are none."""
    blocks = re.split(r"\n\s*\n", text)
    return [_question(block) for block in blocks if not _is_comment(block)]


def matches(pattern: str, answer: str) -> bool:
    """Whether Moodle accepts an answer that is typed: a `*` that is not escaped is anything."""
    parts = re.split(r"(?<!\\)\*+", pattern)
    literal = (re.escape(part.replace(r"\*", "*")) for part in parts)
    return re.fullmatch(".*".join(literal), answer, re.IGNORECASE) is not None


def _is_comment(block: str) -> bool:
    return all(line.strip().startswith("//") for line in block.split("\n") if line.strip())


def _question(block: str) -> GiftQuestion:
    lines = block.strip().split("\n")
    comment = "\n".join(line for line in lines if line.startswith("//"))
    text = _hide("\n".join(line for line in lines if not line.startswith("//")))
    assert not text.startswith("$CATEGORY:")
    assert text.startswith("::")
    title, text = text[2:].split("::", 1)
    before, answers, after = _parted(text.strip())
    answers, _, feedback = answers.rpartition("####")
    assert FORMAT.match(before)
    stem = f"{before}_____{after}" if after else before
    explanation, quote, document, page = explained(_text(feedback, is_html=True))
    # The page and the quote are of the same format as the question.
    kind, fields = _answers(answers.strip(), comment)
    seen = Seen(
        type=kind,
        stem=plain(_text(stem, is_html=True)),
        explanation=explanation,
        quote=quote,
        document=document,
        page=page,
        **fields,  # type: ignore[arg-type] # fields of any type
    )
    found = re.search(r"\[id:([^\]]+)\]", comment)
    assert found is not None
    return GiftQuestion(_show(title), found[1], tuple(re.findall(r"\[tag:(\w+)\]", comment)), seen)


def _hide(text: str) -> str:
    text = text.replace("\\\\", "&&092;")
    for escaped, hidden in HIDDEN.items():
        text = text.replace(escaped, hidden)
    return text.replace("&&092;", "\\")


def _show(text: str) -> str:
    for escaped, hidden in HIDDEN.items():
        text = text.replace(hidden, "\n" if escaped == "\\n" else escaped[1])
    return text.strip()


def _text(text: str, *, is_html: bool) -> str:
    """A text without the format in brackets before it: HTML where it is shown, plain if typed."""
    if found := FORMAT.match(text):
        assert (found[1] == "html") is is_html
        text = text[found.end() :]
    return _show(text)


def _parted(text: str) -> tuple[str, str, str]:
    start, end = text.index("{"), text.index("}")
    return text[:start], text[start + 1 : end].strip(), text[end + 1 :]


def _answers(text: str, comment: str) -> tuple[QuestionType, dict[str, object]]:
    if text.startswith("#"):
        value, tolerance = text[1:].split(":")
        return QuestionType.NUMERIC, {"value": float(value), "tolerance": float(tolerance)}
    if "~" in text:
        return QuestionType.MCQ, {"options": tuple(map(_option, re.findall(r"[~=][^~=]*", text)))}
    if "=" in text and "->" in text:
        pairs = tuple(_pair(part.strip()) for part in text.split("=")[1:])
        if "[tag:ordering]" in comment:
            assert [left for left, _ in pairs] == [str(n) for n in range(1, len(pairs) + 1)]
            return QuestionType.ORDERING, {"steps": tuple(right for _, right in pairs)}
        return QuestionType.MATCHING, {"pairs": pairs}
    if (key := text.split("#", maxsplit=1)[0].strip()) in {"TRUE", "FALSE"}:
        return QuestionType.TRUE_FALSE, {"options": _true_or_false(key, text)}
    kind = QuestionType.CLOZE if "[tag:cloze]" in comment else QuestionType.SHORT
    return kind, {"typed": tuple(_spelling(part.strip()) for part in text.split("=")[1:])}


def _option(text: str) -> tuple[str, bool, str]:
    is_right, text = text[0] == "=", text[1:].strip()
    assert is_right or not WEIGHT.match(text)
    answer, _, feedback = text.partition("#")
    return (
        plain(_text(answer.strip(), is_html=True)),
        is_right,
        plain(_text(feedback.strip(), is_html=True)),
    )


def _true_or_false(key: str, text: str) -> tuple[tuple[str, bool, str], ...]:
    told = [plain(_text(part.strip(), is_html=True)) for part in text.split("#")[1:]]
    wrong, right = (*told, "", "")[:2]
    is_true = key == "TRUE"
    return (
        ("True", is_true, right if is_true else wrong),
        ("False", not is_true, wrong if is_true else right),
    )


def _pair(text: str) -> tuple[str, str]:
    left, right = text.split("->", 1)
    return plain(_text(left, is_html=True)), plain(_show(right))


def _spelling(text: str) -> str:
    """The pattern that typed answers must match, as Moodle keeps it: never HTML."""
    weight = WEIGHT.match(text)
    assert weight is not None
    assert weight[1] == "100"
    answer, _, feedback = text[weight.end() :].partition("#")
    assert not feedback
    return _text(answer.strip(), is_html=False)
