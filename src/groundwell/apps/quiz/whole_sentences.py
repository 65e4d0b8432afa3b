"""The sentences that begin in a chunk, each of them whole.

Some chunkers cut wherever so many characters are full. Half a sentence may say the opposite of
the whole: "It is a myth that | Napoleon was tall." So the text around a chunk is read with it:
what begins in it goes on to its end, and what began before belongs to the chunk before.
"""

from __future__ import annotations

from dataclasses import dataclass

from groundwell.apps.quiz.facts.markup import without_references
from groundwell.domain.sentences import sentence_spans
from groundwell.store.corpus import AROUND


@dataclass(frozen=True, slots=True)
class Stretch:
    """Text that begins and ends with a sentence. `start` counts from the chunk's beginning.

    `lead` is what stands before it, as far as that was read.
    """

    start: int
    text: str
    lead: str


def whole_sentences(before: str, chunk: str, after: str) -> Stretch | None:
    """The sentences that begin in `chunk`; None if there are none.

    `before` and `after` are the document's text on both sides, `AROUND` characters where there are
    as many. `after` ends in white space, or is as long as that, where the document goes on. A
    sentence that does not end within it is left out.
    """
    text = before + chunk + after
    goes_on = len(after) >= AROUND or after[-1:].isspace()
    spans = sentence_spans(without_references(text))
    if goes_on:
        spans = spans[:-1]
    begin, end = len(before), len(before) + len(chunk)
    # Where something stands before, nobody knows whether the first begins where it is seen to.
    own = [span for span in spans if begin <= span[0] < end]
    if not own:
        return None
    first, last = own[0][0], own[-1][1]
    return Stretch(first - begin, text[first:last], text[:first])
