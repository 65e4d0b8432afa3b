"""From what a language model proposes to a question with its proof.

The model gives words. Everything that they rest on is found here: the quote's place, the answer in
the quote, the number's value. What cannot be found is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from groundwell.apps.quiz.proposals.answer import Draft
from groundwell.apps.quiz.proposals.forms import Form, Proof, make_form
from groundwell.apps.quiz.proposals.quotes import Folded, find_quote, find_words, fold
from groundwell.apps.quiz.proposals.refusals import Refusal
from groundwell.apps.quiz.proposals.support import Support
from groundwell.apps.quiz.proposals.wording import (
    gives_orders,
    has_foreign_markup,
    has_foreign_number,
    names_source,
    plain,
    sound_sentences,
)
from groundwell.apps.quiz.questions import MODEL_TEMPLATE, Passage, Question, QuizMode, Source
from groundwell.generation.passages import readable

_GAP = re.compile(r"_{2,}")


class ShownPassages:
    """The passages of one call, in which its quotes must be found."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._folded: dict[int, Folded] = {}

    def locate(self, quote: str) -> tuple[Passage, Source] | None:
        """The first passage that has the quote, and the sentences there that it is taken from."""
        exact = quote.strip()
        having = [n for n, passage in enumerate(self._passages) if exact in passage.text]
        for number in having or range(len(self._passages)):
            passage = self._passages[number]
            if span := find_quote(quote, passage.text, self._fold(number)):
                return passage, Source.of(passage, *span)
        return None

    def _fold(self, number: int) -> Folded:
        if number not in self._folded:
            self._folded[number] = fold(self._passages[number].text)
        return self._folded[number]


def make_question(
    draft: Draft, shown: ShownPassages, mode: QuizMode, seed: int
) -> Question | Refusal:
    """The question that a draft amounts to, not yet checked, or why it is none.

    The right option comes first, unless the options are numbers: those stand in order.
    """
    if gives_orders("\n".join((draft.quote, draft.question, draft.answer, *draft.distractors))):
        return Refusal.ORDERS
    if (located := shown.locate(draft.quote)) is None:
        return Refusal.QUOTE_NOT_FOUND
    passage, source = located
    if fault := _fault_of(draft, source, _words_around(passage)):
        return fault
    support = Support(passage, source.quote)
    chance = Random(f"{seed}:{source.chunk_id}:{source.start}:{draft.question}")
    form = make_form(draft, Proof(source.quote, passage.language), chance)
    if isinstance(form, Refusal):
        return form
    if not support.bears_question(_GAP.sub(" ", draft.question), draft.answer):
        return Refusal.UNSUPPORTED
    return _question(draft, form, passage, source, support, mode, seed)


def _fault_of(draft: Draft, source: Source, known: str) -> Refusal | None:
    if gives_orders(source.quote):
        return Refusal.ORDERS
    if find_words(draft.answer, _GAP.sub(" ", draft.question)):
        return Refusal.ANSWER_IN_QUESTION
    if names_source(draft.question, known):
        return Refusal.NAMES_SOURCE
    # Wrong options may have numbers of their own.
    words = (draft.question, draft.answer, *draft.distractors)
    is_invented = has_foreign_number(draft.question, known) or has_foreign_markup(words, known)
    return Refusal.INVENTED if is_invented else None


def _words_around(passage: Passage) -> str:
    """All that the words of a question may be drawn from."""
    return "\n".join((passage.text, passage.title or "", passage.filename, *passage.heading_path))


def _question(
    draft: Draft,
    form: Form,
    passage: Passage,
    source: Source,
    support: Support,
    mode: QuizMode,
    seed: int,
) -> Question:
    known = _words_around(passage)
    explanation = sound_sentences(draft.explanation, known, support.bears_sentence)
    hint = sound_sentences(
        draft.hint if mode is QuizMode.PRACTICE else "", known, support.bears_hint
    )
    quantity = form.quantity
    return Question(
        type=draft.type,
        stem=form.stem,
        answer=form.answer,
        # Where nothing sound is left the quote explains itself.
        explanation=explanation or plain(readable(source.quote)),
        source=source,
        template=MODEL_TEMPLATE,
        claim=form.claim,
        options=form.options,
        accepted=form.accepted,
        value=quantity.value if quantity else None,
        tolerance=quantity.tolerance if quantity else None,
        unit=quantity.unit if quantity else None,
        hint="" if find_words(draft.answer, hint) else hint,
        bloom=draft.level,
        difficulty=draft.difficulty,
        language=passage.language,
        seed=seed,
    )
