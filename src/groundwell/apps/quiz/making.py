"""Sets of questions made of passages: facts, drafts, checks, and what is chosen of them."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from groundwell.apps.quiz.assembly import assemble
from groundwell.apps.quiz.checks import (
    Evidence,
    Statement,
    check_again,
    check_question,
    claims_of,
    statements_of,
)
from groundwell.apps.quiz.facts import Fact, facts_of
from groundwell.apps.quiz.forms import draft_questions
from groundwell.apps.quiz.languages_told import notes_on_languages
from groundwell.apps.quiz.questions import MODEL_TEMPLATE, Passage, Question, QuestionSet
from groundwell.apps.quiz.shown import choices
from groundwell.apps.quiz.wanted import OVER_BUDGET, Suggested, Wanted
from groundwell.domain.limits import MOST_QUESTIONS
from groundwell.retrieval.memory import Memory

_READING_BYTES = 64 << 20
_CHOICE = 3
"""Questions that pass the checks for each that is wanted: enough to choose a varied set from. Each
further one costs a millisecond and changes little."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a passage alone says: its facts and its statements."""

    facts: tuple[Fact, ...]
    statements: tuple[Statement, ...]


class Readings:
    """Readings of passages, kept for as long as there is room: a chunk never changes.

    In this process only. To read a chunk again costs about as much as to fetch what was read of it
    from a database. For one thread at a time.
    """

    def __init__(self) -> None:
        self._kept: Memory[Reading] = Memory(_READING_BYTES, math.inf)

    def of(self, passage: Passage) -> Reading:
        """The reading, made now if it is not kept."""
        key = _key_of(passage)
        reading = self._kept.get(key)
        if reading is None:
            reading = Reading(facts_of(passage), statements_of(passage))
            self._kept.put(key, reading)
        return reading

    def statements(self, passage: Passage) -> tuple[Statement, ...]:
        """The passage's statements; its facts are not read for them."""
        reading = self._kept.get(_key_of(passage))
        return statements_of(passage) if reading is None else reading.statements


def _key_of(passage: Passage) -> bytes:
    # A title can change while the chunks stay.
    return f"{passage.chunk_id}{passage.title}".encode("utf-8", "surrogatepass")


def count_told(passages: Sequence[Passage], readings: Readings) -> int:
    """How many sentences of the passages tell something that can be asked about.

    No set has more questions, and most have a third of it. Takes processor time.
    """
    facts = (fact for passage in passages for fact in readings.of(passage).facts)
    return len({(fact.chunk_id, fact.quote.start) for fact in facts})


class Workshop:
    """Makes the set that is wanted of passages, or as much of it as is right.

    Deterministic; its methods take processor time, and belong into a thread. What a model has
    `suggested`, if one was asked, comes before what rules make where both are as good for the set.
    `retired`: the ids of questions that are not to be asked.

    Wrong options are chosen without an embedder: with its vectors (`draft_questions` takes them), 7
    of 60 multiple-choice questions about medicine had other options, none of the sets of options
    clearly better, and a set took twice as long.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        wanted: Wanted,
        retired: frozenset[str],
        readings: Readings,
        suggested: Suggested | None = None,
    ) -> None:
        self._wanted = wanted
        self._suggested = suggested
        self._notes = (*_notes(wanted), *notes_on_languages(passages))
        self._further: dict[str, Sequence[Passage]] = {}
        # Reading comes first: it finds the statements too.
        facts = [fact for passage in passages for fact in readings.of(passage).facts]
        self._evidence = Evidence(
            passages, further=lambda claim: self._further.get(claim, ()), read=readings.statements
        )
        drafts = draft_questions(passages, facts, wanted.seed)
        self._waiting = deque(
            draft if draft.options else replace(draft, options=choices(draft))
            for draft in (*(suggested.questions if suggested else ()), *drafts)
            if draft.id not in retired and (not wanted.types or draft.type in wanted.types)
        )
        self._checked: list[Question] = []
        self._sizes: Counter[str] = Counter()
        for passage in passages:
            self._sizes[passage.document_id] += len(passage.text)

    def make(self) -> QuestionSet:
        """The set."""
        wanted = self._wanted
        self._check(_CHOICE * wanted.count)
        made = self._assembled()
        if len(made.questions) < wanted.count and self._waiting:
            self._check(len(self._checked) + len(self._waiting))
            made = self._assembled()
        return self._completed(made)

    def unproved(self, made: QuestionSet) -> list[str]:
        """What the other answers of a set's questions claim, as far as nobody has looked for it."""
        return list(
            dict.fromkeys(
                claim for question in made.questions for claim in self._open_claims(question)
            )
        )

    def settle(self, made: QuestionSet) -> QuestionSet:
        """A set of only those questions whose claims were all looked for.

        As large as it can be without looking for more. It says how many questions of `made` are not
        in it for that reason.
        """
        unproved = sum(bool(self._open_claims(question)) for question in made.questions)
        self._checked = [question for question in self._checked if not self._open_claims(question)]
        return self._completed(self._assembled({"unproved": unproved}))

    def _open_claims(self, question: Question) -> list[str]:
        return [claim for claim in claims_of(question) if claim not in self._further]

    def tell(self, further: Mapping[str, Sequence[Passage]]) -> bool:
        """Check the questions that make these claims again, with the passages found for them.

        Whether that has changed anything: if not, `make` would make the same set.
        """
        self._further.update(further)
        before = self._checked
        self._checked = [
            question
            if further.keys().isdisjoint(claims_of(question))
            else check_again(question, self._evidence)
            for question in before
        ]
        return self._checked != before

    def _check(self, right: int) -> None:
        """Check drafts until so many are right, or none is left."""
        right -= sum(not question.failures for question in self._checked)
        while right > 0 and self._waiting:
            question = check_question(self._waiting.popleft(), self._evidence)
            self._checked.append(question)
            right -= not question.failures

    def _completed(self, made: QuestionSet) -> QuestionSet:
        made = replace(made, asked=self._wanted.asked)
        return made if self._suggested is None else _without_model(made, self._suggested)

    def _assembled(self, left_out: Mapping[str, int] | None = None) -> QuestionSet:
        wanted, suggested = self._wanted, self._suggested
        return assemble(
            self._checked,
            asked=wanted.count,
            mode=wanted.mode,
            seed=wanted.seed,
            topic=wanted.topic,
            sizes=self._sizes,
            notes=self._notes,
            degraded=suggested.degraded if suggested else (),
            left_out=left_out,
        )


def _notes(wanted: Wanted) -> tuple[str, ...]:
    if wanted.asked <= wanted.count:
        return ()
    return (
        f"You asked for {wanted.asked:,} questions; one request is given {MOST_QUESTIONS} at most.",
    )


def _without_model(made: QuestionSet, suggested: Suggested) -> QuestionSet:
    """The set with a note, where a model was asked and no question of it is there."""
    if any(question.template == MODEL_TEMPLATE for question in made.questions):
        return made
    if OVER_BUDGET in suggested.degraded:
        reason = "your tokens of it are spent for today"
    else:
        reason = "it gave none that can be used"
    note = f"No question is the language model's: {reason}. Rules made what is here."
    return replace(made, notes=(*made.notes, note), fallback_used=True)
