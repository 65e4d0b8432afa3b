"""From checked questions to a set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from groundwell.apps.quiz.arrangement import in_order, with_even_keys
from groundwell.apps.quiz.checks.check import CHECKS
from groundwell.apps.quiz.questions import Question, QuestionSet, QuizMode
from groundwell.apps.quiz.selection import Selection, select

_REFUSALS: Mapping[str, str] = {
    "schema": "lacked a part",
    "grounding": "not proved by the source",
    "one_key": "without exactly one right answer",
    "second_answer": "with a second right answer",
    "round_trip": "whose answer is not found with the question alone",
    "item_flaws": "worded in a way that misleads or gives the answer away",
}
"""What each check means to whoever reads the notes."""

_UNFIT: Mapping[str, str] = {
    "unproved": "could not be looked up in all documents",
    "duplicate": "asked the same as another",
    "giveaway": "gave away the answer of another",
    "one_sided": "had no counterpart to keep the right answers in balance",
}
"""Why right questions are not in a set."""


def assemble(
    questions: Sequence[Question],
    *,
    asked: int,
    mode: QuizMode,
    seed: int,
    topic: str | None = None,
    sizes: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
    degraded: tuple[str, ...] = (),
    first: Sequence[Question] = (),
    left_out: Mapping[str, int] | None = None,
) -> QuestionSet:
    """The set: at most `asked` questions that passed every check, and notes on what is missing.

    `questions` are checked, better ones first. `sizes` are how much each document holds, in any
    unit; without them all count alike. Those of `first` stand at the head, as they are; no other
    repeats them or gives them away. `left_out` counts what was left out before, by the reasons that
    a set's `left_out` has. `notes` and `degraded` go into the set. The same arguments give the same
    set. Raises ValueError for a question that was not checked.
    """
    _require_checks(questions)
    known = {question.id for question in first}
    right = [each for each in questions if not each.failures and each.id not in known]
    selection = select(right, asked, sizes or {}, first, is_practice=mode is QuizMode.PRACTICE)
    left = _left_out(questions, selection) + Counter(left_out or {})
    chance = Random(seed)
    head, others = selection.chosen[: selection.firsts], selection.chosen[selection.firsts :]
    ordered = with_even_keys((*head, *in_order(others, mode, chance)), chance, len(head))
    made = QuestionSet(
        questions=tuple(ordered),
        mode=mode,
        asked=asked,
        topic=topic,
        degraded=degraded,
        left_out=tuple(sorted(left.items())),
    )
    # Where as many were there as are wanted, it is not the documents that have no more.
    is_all = not first or len(questions) < asked
    return replace(made, notes=(*notes, *_shortfall(made, is_all=is_all)))


def _require_checks(questions: Sequence[Question]) -> None:
    for question in questions:
        if {check.name for check in question.checks} != CHECKS.keys():
            raise ValueError(f"Question {question.id} was not checked.")


def with_first(
    made: QuestionSet,
    first: Sequence[Question],
    count: int,
    seed: int,
    spare: Sequence[Question] = (),
) -> QuestionSet:
    """A set of `count` at most with these questions at its head, and others of the set after them.

    Its notes on what is missing are those of the new set. `made` is a set of `count` at most, and
    `spare` are others that may take the place of those that do not go with the first.
    """
    missing = _shortfall(replace(made, asked=count), is_all=True)
    known = {question.id for question in made.questions}
    mixed = assemble(
        [*made.questions, *(each for each in spare if each.id not in known)],
        asked=count,
        mode=made.mode,
        seed=seed,
        topic=made.topic,
        notes=[note for note in made.notes if note not in missing],
        degraded=made.degraded,
        first=first,
        left_out=dict(made.left_out),
    )
    return replace(mixed, asked=made.asked, fallback_used=made.fallback_used)


def _left_out(questions: Sequence[Question], selection: Selection) -> Counter[str]:
    left = Counter(question.failures[0].name for question in questions if question.failures)
    left["duplicate"] = selection.duplicates
    left["giveaway"] = selection.giveaways
    left["one_sided"] = selection.one_sided
    return +left


def _shortfall(made: QuestionSet, *, is_all: bool) -> list[str]:
    """Sentences on how many questions are missing, and why; none when all are there.

    `is_all`: the documents were asked for more, not only a set that was made of them.
    """
    missing = made.asked - len(made.questions)
    if missing <= 0:
        return []
    noun = "question" if made.asked == 1 else "questions"
    verb = "is" if missing == 1 else "are"
    where = "the documents on this topic" if made.topic else "the documents"
    reason = f"{where} have no more facts that can be asked about without doubt"
    if not is_all:
        reason = "the others that were made do not go with those that are due"
    notes = [f"{missing} of {made.asked} {noun} {verb} missing: {reason}."]
    left = dict(made.left_out)
    counts = [f"{left[name]} {_REFUSALS[name]}" for name in CHECKS if name in left]
    if counts:
        refused = sum(left[name] for name in CHECKS if name in left)
        drafts = "1 draft was" if refused == 1 else f"{refused} drafts were"
        notes.append(f"{drafts} refused: {_joined(counts)}.")
    counts = [f"{left[name]} that {reason}" for name, reason in _UNFIT.items() if name in left]
    if counts:
        notes.append(f"Left out of the set: {_joined(counts)}.")
    return notes


def _joined(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
