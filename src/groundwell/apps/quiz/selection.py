"""Which of the right questions make a set: spread over documents, types, levels and truths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from groundwell.apps.quiz.arrangement import is_fixed, key_place, most_keys
from groundwell.apps.quiz.checks.examined import FALSE, TRUE
from groundwell.apps.quiz.questions import Question, QuestionType
from groundwell.apps.quiz.resemblance import (
    Likeness,
    is_duplicate,
    is_giveaway,
    is_longer,
    is_spoilt,
    likeness_of,
)

TYPE_SHARES: Mapping[QuestionType, float] = {
    QuestionType.MCQ: 4,
    QuestionType.TRUE_FALSE: 2,
    QuestionType.CLOZE: 2,
    QuestionType.NUMERIC: 2,
    QuestionType.SHORT: 1,
    QuestionType.MATCHING: 1,
    QuestionType.ORDERING: 1,
}
"""How many of each type stand in a set beside each other, where there are enough of all."""

MAX_ONE_SIDED = 1
"""How many more statements may be true than false, or false than true: a set in which nearly all
are true is answered without reading."""

MAX_SAME_KEY = 2
"""How many questions of a set may have the same answer: more, and it need not be known."""

_CHUNK_COST = 1.0
_TYPE_COST = 2.0
_LEVEL_COST = 0.25
_DIFFICULTY_COST = 0.25
_TRUTH_COST = 0.5


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen, in the order of choosing, and what could not stand beside it.

    The first `firsts` of `chosen` are those that were to come first. `duplicates` and
    `giveaways` count what was left out because of a question in the set, `one_sided` what lacked
    a counterpart.
    """

    chosen: tuple[Question, ...]
    firsts: int
    duplicates: int
    giveaways: int
    one_sided: int


@dataclass(slots=True)
class _Taken:
    """What was taken of the `asked` that there is room for, and how often each property of it."""

    asked: int
    is_practice: bool
    questions: list[Question] = field(default_factory=list)
    shown: list[bool] = field(default_factory=list)
    likenesses: list[Likeness] = field(default_factory=list)
    documents: Counter[str] = field(default_factory=Counter)
    properties: Counter[tuple[str, object]] = field(default_factory=Counter)
    widths: Counter[int] = field(default_factory=Counter)
    places: Counter[int] = field(default_factory=Counter)

    @property
    def room(self) -> int:
        return self.asked - len(self.questions)

    def add(self, question: Question, likeness: Likeness, *, is_shown: bool = False) -> None:
        """Take it; `is_shown`: at the head, with its options in the order that they have."""
        self.questions.append(question)
        self.shown.append(is_shown)
        self.likenesses.append(likeness)
        self.documents[question.source.document_id] += 1
        self.properties.update(_properties(question))
        if question.type is QuestionType.MCQ:
            self.widths[len(question.options)] += 1
            self.places[key_place(question)] += is_shown or is_fixed(question)

    def repeats(self, likeness: Likeness) -> bool:
        """Whether one of those taken asks the same."""
        return any(is_duplicate(likeness, other) for other in self.likenesses)

    def gives_away(self, likeness: Likeness, *, is_shown: bool = False) -> bool:
        """Whether one of those taken shows this one's answer, or this one that one's."""
        if any(is_giveaway(likeness, other) for other in self.likenesses):
            return True
        return self.is_practice and self._spoils(likeness, is_shown=is_shown)

    def _spoils(self, likeness: Likeness, *, is_shown: bool) -> bool:
        """Whether a proof answers one of the questions that may stand below it."""
        for other, was_shown in zip(self.likenesses, self.shown, strict=True):
            is_above = is_shown or not (was_shown or is_longer(likeness, other))
            is_below = was_shown or not (is_shown or is_longer(other, likeness))
            if (is_above and is_spoilt(other, likeness)) or (
                is_below and is_spoilt(likeness, other)
            ):
                return True
        return False

    def cost(self, question: Question) -> float:
        """How much of the same the set has already."""
        count = self.properties
        kind, chunk, level, difficulty = _properties(question)[:4]
        cost = _TYPE_COST * (count[kind] + 1) / TYPE_SHARES[question.type]
        cost += _CHUNK_COST * count[chunk]
        cost += _LEVEL_COST * count[level] + _DIFFICULTY_COST * count[difficulty]
        return cost + _TRUTH_COST * max(0, self.surplus(question))

    def surplus(self, question: Question) -> int:
        """How many more statements have this one's answer than the other; 0 for other types."""
        if question.type is not QuestionType.TRUE_FALSE:
            return 0
        return self._truths(question.answer) - self._truths(_other(question.answer))

    @property
    def short_of(self) -> str:
        """The answer that fewer statements have."""
        return FALSE if self._truths(TRUE) > self._truths(FALSE) else TRUE

    def lacking(self, question: Question) -> int:
        """How many statements the set would still need to be in balance, with this question."""
        surplus = self._truths(TRUE) - self._truths(FALSE)
        if question.type is QuestionType.TRUE_FALSE:
            surplus += 1 if question.answer == TRUE else -1
        return max(0, abs(surplus) - MAX_ONE_SIDED)

    def has_place(self, question: Question, *, is_shown: bool = False) -> bool:
        """Whether its key stands where the set has no more than its share of keys."""
        if question.type is not QuestionType.MCQ or not (is_shown or is_fixed(question)):
            return True
        place, widths = key_place(question), self.widths + Counter({len(question.options): 1})
        return self.places[place] < most_keys(place, widths)

    def _truths(self, answer: str) -> int:
        return self.properties["truth", answer]


def select(
    questions: Sequence[Question],
    asked: int,
    sizes: Mapping[str, int],
    first: Sequence[Question] = (),
    *,
    is_practice: bool = False,
) -> Selection:
    """At most `asked` of the questions, none like another, none with another's answer.

    `sizes` are the documents' by id. Each document gives one question before any gives a second,
    larger ones first; then they share by size: the next is from the document with the largest
    size for each question taken (Adams' method of apportionment; M. Balinski and H. P. Young,
    Fair Representation, 1982). Among a document's questions the next is the one of which the set
    has the least: type, passage, level, difficulty; equals keep the order given. Options that are
    numbers keep their order, so of such questions only as many are taken as leave the places of
    the keys even.

    In practice, where each question has its proof below it, no proof answers a question that stands
    after it, if of proofs that begin at the same place the shorter stand first.

    Those of `first` are taken before all others, in their order, whatever the set has of the same.
    One that asks the same as another of them, or gives it away, is passed over. A statement for
    which there would be no room or no counterpart, and a choice whose key stands where too many
    stand, come only when others even them out, or when there is nothing else.
    """
    waiting: dict[str, list[Question]] = {}
    for question in questions:
        waiting.setdefault(question.source.document_id, []).append(question)
    taken, due, firsts = _Taken(asked, is_practice), list(first[:asked]), set[Question]()
    duplicates = giveaways = 0
    while taken.room > 0:
        urgent = _next_first(due, waiting, taken)
        following = urgent or _next(waiting, taken, sizes)
        if following is None and due:
            following = urgent = due.pop(0)
        if following is None:
            break
        likeness = likeness_of(following)
        if taken.repeats(likeness):
            duplicates += urgent is None
        elif taken.gives_away(likeness, is_shown=urgent is not None):
            giveaways += urgent is None
        else:
            taken.add(following, likeness, is_shown=urgent is not None)
            firsts |= {urgent} if urgent else set()
    left = sum(map(len, waiting.values())) if taken.room > 0 else 0
    head = [question for question in first[:asked] if question in firsts]
    others = [question for question in taken.questions if question not in firsts]
    return Selection((*head, *others), len(head), duplicates, giveaways, left)


def _next_first(
    due: list[Question], waiting: Mapping[str, list[Question]], taken: _Taken
) -> Question | None:
    """The next of those that come first which can be evened out; it is then no longer due."""
    rest = Counter(each.answer for each in due)
    if due:
        rest.update(each.answer for document in waiting.values() for each in document)
    counterparts, room = rest[taken.short_of], taken.room - 1
    for question in due:
        lacking, adds = taken.lacking(question), taken.surplus(question) > 0
        is_one_sided = lacking > min(room, counterparts) if adds else lacking > room
        if not (is_one_sided and (adds or counterparts)) and taken.has_place(
            question, is_shown=True
        ):
            due.remove(question)
            return question
    return None


def _next(
    waiting: dict[str, list[Question]], taken: _Taken, sizes: Mapping[str, int]
) -> Question | None:
    """The question to try next, which is then no longer waiting.

    While statements are short of counterparts, it leaves room for these, as far as there are any.
    """
    documents = list(_in_turn(waiting, taken, sizes))
    for room in (taken.room - 1, taken.asked):
        for document in documents:
            fitting = [
                each
                for each in waiting[document]
                if taken.surplus(each) < MAX_ONE_SIDED
                and taken.properties["key", _key_of(each)] < MAX_SAME_KEY
                and taken.lacking(each) <= room
            ]
            for question in sorted(fitting, key=taken.cost):
                if taken.has_place(question):
                    waiting[document].remove(question)
                    return question
    return None


def _other(truth: str) -> str:
    return FALSE if truth == TRUE else TRUE


def _in_turn(
    waiting: Mapping[str, list[Question]], taken: _Taken, sizes: Mapping[str, int]
) -> Iterator[str]:
    def turn(document: str) -> tuple[float, float]:
        size, count = sizes.get(document, 1), taken.documents[document]
        return (float("-inf") if count == 0 else -size / count, -size)

    return iter(sorted(waiting, key=turn))


def _properties(question: Question) -> tuple[tuple[str, object], ...]:
    return (
        ("type", question.type),
        ("chunk", question.source.chunk_id),
        ("level", question.bloom),
        ("difficulty", question.difficulty),
        ("truth", question.answer),
        ("key", _key_of(question)),
    )


def _key_of(question: Question) -> str:
    """The answer, by which a set could become monotonous; a statement's own for each."""
    if question.type is QuestionType.TRUE_FALSE:
        return question.id
    return question.answer.casefold()
