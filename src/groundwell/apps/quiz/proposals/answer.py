"""Reading what a language model wrote: the question objects in it, each checked by itself.

A code fence, a preface, an object around the array and an end that broke off do no harm: what
counts are the innermost objects, which is what a flat object is.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from groundwell.apps.quiz.proposals.refusals import Refusal
from groundwell.apps.quiz.proposals.wording import plain
from groundwell.apps.quiz.questions import Bloom, QuestionType
from groundwell.web.json_body import read_json

MAX_ANSWER_CHARS = 40_000
MAX_OBJECT_CHARS = 6000
MAX_OBJECTS = 64

# Braces with none between them but in strings. Nothing is read twice but by the bound of two
# strings: outside of strings a backslash, as a brace, ends the attempt.
_OBJECT = re.compile(r'\{(?:[^{}"\\]++|"(?:[^"\\]++|\\.)*+")*+\}', re.DOTALL)
_EMPTY = re.compile(r"\[\s*\]")

ProposedType = Literal[
    QuestionType.MCQ,
    QuestionType.TRUE_FALSE,
    QuestionType.CLOZE,
    QuestionType.NUMERIC,
    QuestionType.SHORT,
]
"""Lists, steps and tables are found exactly by rules: of those a model proposes nothing."""


def _as_text(value: object) -> object:
    """A number as it would be written: models write some answers without quotation marks."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else plain(value) if isinstance(value, str) else value


def _as_bloom(value: object) -> Bloom:
    """The level; the lowest for what is none, since it decides about nothing."""
    word = value.strip().lower().replace("analyze", "analyse") if isinstance(value, str) else ""
    return Bloom(word) if word in list(Bloom) else Bloom.REMEMBER


def _as_difficulty(value: object) -> int:
    text = str(value).strip()
    return int(text) if text in ("1", "2", "3", "4", "5") else 2


_Text = BeforeValidator(_as_text)


class Draft(BaseModel):
    """A question as a model proposes it. What else it says, also about sources, is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Annotated[ProposedType, BeforeValidator(lambda v: v.lower() if type(v) is str else v)]
    quote: Annotated[str, Field(min_length=8, max_length=1000)]
    question: Annotated[str, _Text, Field(min_length=8, max_length=300)]
    answer: Annotated[str, _Text, Field(min_length=1, max_length=200)]
    distractors: Annotated[
        tuple[Annotated[str, _Text, Field(max_length=200)], ...], Field(max_length=8)
    ] = ()
    explanation: Annotated[str, _Text, Field(max_length=1000)] = ""
    hint: Annotated[str, _Text, Field(max_length=300)] = ""
    level: Annotated[Bloom, BeforeValidator(_as_bloom)] = Bloom.REMEMBER
    difficulty: Annotated[int, BeforeValidator(_as_difficulty)] = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer holds. `is_usable`: it has a draft, or says plainly that there is none."""

    drafts: tuple[Draft, ...]
    refused: Counter[Refusal]
    is_usable: bool


def read_answer(text: str) -> Reading:
    """The whole, well-formed drafts in an answer, in their order; never raises."""
    refused: Counter[Refusal] = Counter()
    drafts: list[Draft] = []
    for number, match in enumerate(_OBJECT.finditer(text[:MAX_ANSWER_CHARS])):
        if number >= MAX_OBJECTS:
            break
        read = _draft_of(match.group())
        if isinstance(read, Refusal):
            refused[read] += 1
        else:
            drafts.append(read)
    is_none = "{" not in text and _EMPTY.search(text) is not None
    if text and not (drafts or refused or is_none):
        refused[Refusal.UNREADABLE] += 1
    return Reading(tuple(drafts), refused, bool(drafts) or is_none)


def _draft_of(text: str) -> Draft | Refusal:
    if len(text) > MAX_OBJECT_CHARS:
        return Refusal.UNREADABLE
    try:
        value: Any = read_json(text.encode("utf-8", "surrogatepass"))
        return Draft.model_validate(value)
    except JSONDecodeError:
        return Refusal.UNREADABLE
    except ValidationError:
        return Refusal.MALFORMED
