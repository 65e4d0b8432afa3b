"""Questions, what they are made of and what was found out about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b

from groundwell.domain.chunks import ChunkId
from groundwell.domain.languages import DEFAULT_LANGUAGE

MODEL_TEMPLATE = "model"
"""The template of questions that a language model proposed."""

_ID_BYTES = 8


class QuestionType(StrEnum):
    """How a question is answered."""

    MCQ = "mcq"
    """One of three to five options."""
    TRUE_FALSE = "true_false"
    """Whether a statement is true."""
    CLOZE = "cloze"
    """What stood in the gap of a sentence, typed."""
    NUMERIC = "numeric"
    """A number, typed."""
    MATCHING = "matching"
    """Which right side belongs to each left side."""
    ORDERING = "ordering"
    """The order of steps."""
    SHORT = "short"
    """A few words, typed."""


class Bloom(StrEnum):
    """What an answer asks of the learner (Bloom's taxonomy, revised by Anderson and Krathwohl)."""

    REMEMBER = "remember"
    UNDERSTAND = "understand"
    APPLY = "apply"
    ANALYSE = "analyse"


class QuizMode(StrEnum):
    """What a set is for: learning with help at hand, or a test with the answers at the end."""

    PRACTICE = "practice"
    QUIZ = "quiz"


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that questions are made of: whole sentences.

    `text == document_text[char_start:char_start + len(text)]`, verbatim; `lead` stands before it,
    as far as it is known. The last sentence may end behind the chunk. `language`: ISO 639-1.
    """

    chunk_id: ChunkId
    document_id: str
    version: int
    filename: str
    title: str | None
    page: int | None
    char_start: int
    text: str
    heading_path: tuple[str, ...] = ()
    language: str = DEFAULT_LANGUAGE
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """What proves a question: `quote == document_text[start:end]`, verbatim."""

    document_id: str
    version: int
    filename: str
    title: str | None
    page: int | None
    chunk_id: ChunkId
    start: int
    end: int
    quote: str

    @classmethod
    def of(cls, passage: Passage, start: int, end: int) -> Source:
        """The source that is `passage.text[start:end]`."""
        return cls(
            document_id=passage.document_id,
            version=passage.version,
            filename=passage.filename,
            title=passage.title,
            page=passage.page,
            chunk_id=passage.chunk_id,
            start=passage.char_start + start,
            end=passage.char_start + end,
            quote=passage.text[start:end],
        )


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to choose from. `feedback` tells whoever chose it why it is right or wrong."""

    text: str
    is_correct: bool
    feedback: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two things that belong together."""

    left: str
    right: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found. `detail` says in a sentence what is wrong, if anything."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its key and its proof.

    `answer` is the key in words, for every type: the right option's text, `True` or `False`, the
    words of the gap, the number with its unit, the pairs or steps joined. `claim` is the statement
    that the key makes true, with `{}` where the key stands: the checks put other answers there.
    It is empty for matching and ordering. `accepted` are further spellings of a typed answer.
    `value` and `tolerance` are in `unit`, which stands in the stem. `steps` are in the right
    order, `pairs` belong together; whoever shows them mixes them, by `seed`.
    `template` names what made the question, `model` for a language model. `difficulty`: 1 to 5.
    """

    type: QuestionType
    stem: str
    answer: str
    explanation: str
    source: Source
    template: str
    claim: str = ""
    options: tuple[Option, ...] = ()
    accepted: tuple[str, ...] = ()
    value: float | None = None
    tolerance: float | None = None
    unit: str | None = None
    pairs: tuple[Pair, ...] = ()
    steps: tuple[str, ...] = ()
    hint: str = ""
    bloom: Bloom = Bloom.REMEMBER
    difficulty: int = 2
    language: str = DEFAULT_LANGUAGE
    seed: int = 0
    checks: tuple[CheckResult, ...] = ()

    @property
    def id(self) -> str:
        """The same for the same span and template, in every set: 16 hexadecimal digits."""
        source = self.source
        named = (source.document_id, source.start, source.end, source.quote, self.template)
        if self.template == MODEL_TEMPLATE:
            # A template says one thing of a span, a model says whatever it likes.
            return _digest((*named, self.type.value, self.stem, self.answer))
        return _digest(named)

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The checks that it did not pass."""
        return tuple(check for check in self.checks if not check.passed)


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The questions that were asked for, or as many as are right.

    `notes` are sentences for whoever reads the set: why there are fewer, what was left out.
    `left_out` counts drafts by why they are not in it, `checks` are of the set as a whole.
    """

    questions: tuple[Question, ...]
    mode: QuizMode
    asked: int
    topic: str | None = None
    notes: tuple[str, ...] = ()
    fallback_used: bool = False
    degraded: tuple[str, ...] = field(default=())
    left_out: tuple[tuple[str, int], ...] = ()
    checks: tuple[CheckResult, ...] = ()


@lru_cache(maxsize=1 << 13)
def _digest(named: tuple[object, ...]) -> str:
    return blake2b(repr(named).encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES).hexdigest()
