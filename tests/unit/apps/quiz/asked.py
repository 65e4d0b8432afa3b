"""Questions to export, and what every reader of an export has to find again."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from groundwell.apps.quiz.legible import legible
from groundwell.apps.quiz.questions import (
    Bloom,
    Option,
    Pair,
    Question,
    QuestionSet,
    QuestionType,
    QuizMode,
    Source,
)
from groundwell.domain.chunks import ChunkId

# What means something in Markdown, HTML, GIFT, CSV, spreadsheets, XML, Anki or the layout, and what
# cannot be shown at all.
HOSTILE = [
    *(
        "~",
        "=",
        "#",
        "{",
        "}",
        ":",
        "\\",
        "::",
        "//",
        "####",
        "$CATEGORY: x",
        "->",
        "=%50%",
        "%50%",
    ),
    *(
        "[html]",
        "[markdown]",
        "[",
        "]",
        "&&058;",
        "&&",
        "058;",
        "&amp;",
        "&lt;",
        "&",
        "\\n",
        "TRUE",
    ),
    *("<script>alert(1)</script>", "</p>", "<!--", "]]>", "<", ">", "<?x?>", "|", "`", "```", "$"),
    *(
        "*",
        "**",
        "_",
        "__",
        "___",
        "1. ",
        "2) ",
        "- ",
        "+ ",
        "> ",
        "---",
        "***",
        "## ",
        "!",
        "(",
        ")",
    ),
    *(
        "**Answer:** A) x",
        "## Answers",
        "## Notes",
        ", page 3",
        " / ",
        "(1) ",
        "B) ",
        "± 2",
        "“",
        "”",
    ),
    *("=cmd()", "+1", "-2", "@x", "'", '"', ",", ";", "{{c1::x}}", "[sound:a.mp3]", "[latex]"),
    *(
        "\n",
        "\r\n",
        "\r",
        "\t",
        "\x0b",
        "\x00",
        "\x1b",
        "\x7f",
        "\x85",
        "\ud800",
        "\u2028",
        "\ufeff",
    ),
    *(
        "\ufffe",
        "\uffff",
        "\u202e",
        "\u2066",
        "\u200f",
        "\u00a0",
        "שלום",
        "مرحبا",
        "😀",
        "👩‍👧",
        "e\u0301",
    ),
    *(" ", "a", "b", "ebb", "Flut", "7", "0"),
]
texts = (
    st.lists(st.sampled_from(HOSTILE) | st.text(max_size=3), min_size=1, max_size=8)
    .map("".join)
    .filter(legible)
)
# Numbers as documents have them: at most six digits that count.
numbers = st.builds(
    lambda digits, places: digits / 10**places, st.integers(-999_999, 999_999), st.integers(0, 6)
)


@dataclass(frozen=True)
class Seen:
    """What a reader found of a question; `None` where its format does not say it."""

    type: QuestionType
    stem: str
    options: tuple[tuple[str, bool, str], ...] = ()
    typed: tuple[str, ...] = ()
    value: float | None = None
    tolerance: float | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    steps: tuple[str, ...] = ()
    hint: str | None = None
    explanation: str | None = None
    quote: str | None = None
    document: str | None = None
    page: int | None = None


def seen(question: Question) -> Seen:
    """All of a question that can be shown, on one line each."""
    is_typed = question.type in {QuestionType.CLOZE, QuestionType.SHORT}
    options = question.options
    if question.type is QuestionType.TRUE_FALSE and not options:
        options = (
            Option("True", question.answer == "True"),
            Option("False", question.answer == "False"),
        )
    typed = [legible(text) for text in (question.answer, *question.accepted) if legible(text)]
    source = question.source
    return Seen(
        type=question.type,
        stem=legible(question.stem),
        options=tuple((legible(o.text), o.is_correct, legible(o.feedback)) for o in options),
        typed=tuple(dict.fromkeys(typed)) if is_typed else (),
        value=question.value,
        tolerance=question.tolerance,
        pairs=tuple((legible(pair.left), legible(pair.right)) for pair in question.pairs),
        steps=tuple(legible(step) for step in question.steps),
        hint=legible(question.hint),
        explanation=legible(question.explanation),
        quote=legible(source.quote),
        document=legible(source.title or "") or legible(source.filename),
        page=source.page,
    )


sources = st.builds(
    Source,
    document_id=st.just("doc"),
    version=st.just(1),
    filename=texts,
    title=st.none() | texts,
    page=st.none() | st.integers(1, 999),
    chunk_id=st.just(ChunkId("2d3b1c8e-7b7e-5d53-9a43-7e3f6d7d6f11")),
    start=st.integers(0, 9_999),
    end=st.just(10_000),
    quote=texts,
)


def _distinct(minimum: int, maximum: int) -> st.SearchStrategy[list[str]]:
    return st.lists(
        texts, min_size=minimum, max_size=maximum, unique_by=lambda text: legible(text).casefold()
    )


@st.composite
def options(draw: st.DrawFn) -> tuple[Option, ...]:
    wordings = draw(_distinct(3, 5))
    key = draw(st.integers(0, len(wordings) - 1))
    return tuple(
        Option(wording, place == key, draw(st.just("") | texts))
        for place, wording in enumerate(wordings)
    )


def _paired(wordings: list[str]) -> tuple[Pair, ...]:
    half = len(wordings) // 2
    return tuple(map(Pair, wordings[:half], wordings[half : 2 * half]))


def _fields(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries(fields)


accepted = _distinct(0, 3).map(tuple)
OF_TYPE: dict[QuestionType, st.SearchStrategy[dict[str, object]]] = {
    QuestionType.MCQ: options().map(
        lambda made: {"options": made, "answer": next(o.text for o in made if o.is_correct)}
    ),
    QuestionType.TRUE_FALSE: _fields(answer=st.sampled_from(["True", "False"])),
    QuestionType.NUMERIC: _fields(value=numbers, tolerance=st.none() | numbers.map(abs)),
    QuestionType.MATCHING: _fields(pairs=_distinct(4, 8).map(_paired)),
    QuestionType.ORDERING: _fields(steps=_distinct(2, 6).map(tuple)),
    QuestionType.CLOZE: _fields(
        stem=st.builds("{} _____{}".format, st.just("") | texts, st.just(".") | texts),
        accepted=accepted,
    ),
    QuestionType.SHORT: _fields(accepted=accepted),
}


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """A question of any type, its texts as bad as they can be."""
    kind = draw(st.sampled_from(QuestionType))
    question = Question(
        type=kind,
        stem=draw(texts),
        answer=draw(texts),
        explanation=draw(st.just("") | texts),
        source=draw(sources),
        template="any",
        hint=draw(st.just("") | texts),
        bloom=draw(st.sampled_from(Bloom)),
        seed=draw(st.integers(0, 9)),
    )
    return replace(question, **draw(OF_TYPE[kind]))


@st.composite
def question_sets(draw: st.DrawFn) -> QuestionSet:
    made = draw(st.lists(questions(), min_size=1, max_size=4, unique_by=lambda made: made.id))
    return QuestionSet(
        questions=tuple(made),
        mode=draw(st.sampled_from(QuizMode)),
        asked=len(made),
        topic=draw(st.none() | texts),
        notes=tuple(draw(st.lists(texts, max_size=2))),
    )


TIDES = Source(
    document_id="doc",
    version=1,
    filename="tides.pdf",
    title="Tides, explained",
    page=3,
    chunk_id=ChunkId("2d3b1c8e-7b7e-5d53-9a43-7e3f6d7d6f11"),
    start=10,
    end=41,
    quote="The falling tide is called ebb.",
)


def make_question(kind: QuestionType = QuestionType.MCQ, **fields: object) -> Question:
    """A plain question of a type, with fields of the test's choice."""
    of_type: dict[QuestionType, dict[str, object]] = {
        QuestionType.MCQ: {
            "stem": "Which term means the falling tide?",
            "answer": "ebb",
            "options": (
                Option("flood", is_correct=False, feedback="That is the rising tide."),
                Option("ebb", is_correct=True, feedback="So it is called."),
                Option("slack", is_correct=False),
            ),
        },
        QuestionType.TRUE_FALSE: {"stem": "The ebb is the rising tide.", "answer": "False"},
        QuestionType.CLOZE: {
            "stem": "The falling tide is called _____.",
            "answer": "ebb",
            "accepted": ("the ebb", "ebb/outflow"),
        },
        QuestionType.NUMERIC: {
            "stem": "How high is the tide, in m?",
            "answer": "3.5 m",
            "value": 3.5,
            "tolerance": 0.1,
            "unit": "m",
        },
        QuestionType.MATCHING: {
            "stem": "What belongs together?",
            "answer": "ebb – falling; flood – rising; slack – still",
            "pairs": (Pair("ebb", "falling"), Pair("flood", "rising"), Pair("slack", "still")),
        },
        QuestionType.ORDERING: {
            "stem": "In which order does it happen?",
            "answer": "flood; slack; ebb",
            "steps": ("flood", "slack", "ebb"),
        },
        QuestionType.SHORT: {"stem": "What is the falling tide called?", "answer": "ebb"},
    }
    chosen: dict[str, object] = {
        "explanation": "The text calls the falling tide ebb.",
        "source": TIDES,
        "template": "plain",
        "hint": "Three letters.",
        **of_type[kind],
        **fields,
    }
    return Question(type=kind, **chosen)  # type: ignore[arg-type] # fields of any type


def make_set(mode: QuizMode = QuizMode.PRACTICE, **fields: object) -> QuestionSet:
    """One plain question of each type."""
    made = tuple(make_question(kind, template=kind) for kind in QuestionType)
    chosen: dict[str, object] = {"questions": made, "asked": len(made), "topic": "Tides", **fields}
    return QuestionSet(mode=mode, **chosen)  # type: ignore[arg-type] # fields of any type


def with_one_kind_of_gap(found: Seen) -> Seen:
    """The same with every gap of one length: formats that draw gaps decide how long."""
    return replace(found, stem=re.sub(r"_{3,}", "_____", found.stem))
