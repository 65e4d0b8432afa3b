"""What a sentence denies: without its "not" it is false."""

from __future__ import annotations

import re

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.facts.statements import Statement
from groundwell.apps.quiz.language import Span
from groundwell.domain.analysis import analyse
from groundwell.domain.chunks import ChunkId

# A denial of these verbs leaves a sentence without it: not "may not", which says that both may be,
# nor "did not", after which the verb would change.
_DENIED = frozenset(
    {"is", "are", "was", "were", "has", "have", "do", "does", "cannot", "can", "will", "must"}
    | {"should", "shall"}
)
_DOING = frozenset({"do", "does"})
_NOT = frozenset({"not", "cannot"})
# What is denied in part, or stands only in sentences that deny, makes no sentence without "not".
_BOUND = re.compile(
    r"\b(?:only|all|always|necessarily|yet|every\w*|any\w*|ever|either|nor|neither|no|never|none|until|"
    r"unless|but|because|since|even|still|longer|necessary|know\w*|clear|well|if|whether|recommended)\b|n['’]t\b",
    re.IGNORECASE,
)
_LEAST_TERMS = 5


def denial_facts(statement: Statement, chunk_id: ChunkId, weight: float) -> list[Fact]:
    """The fact that the sentence denies what it would say without "not", if it says it plainly.

    `object` is what changes: the verb with its "not", after a form of "to do" the next verb too.
    """
    tokens, words = statement.tokens, statement.words
    places = [at for at, token in enumerate(tokens) if token.text.lower() in _NOT]
    if len(places) != 1 or _BOUND.search(words) or len(analyse(words)) < _LEAST_TERMS:
        return []
    place = places[0]
    verb = place if tokens[place].text.lower() == "cannot" else place - 1
    is_first = not any(kind in "VBW" for kind in statement.shape[: max(0, verb)])
    if not is_first or tokens[verb].text.lower() not in _DENIED or place + 1 == len(tokens):
        return []
    following = tokens[place + 1]
    end = tokens[place].end
    if tokens[verb].text.lower() in _DOING:
        if following.kind not in "BVN" or not following.text.islower():
            return []
        end = following.end
    denied = Span(tokens[verb].start, end)
    return [Fact(FactKind.DENIAL, chunk_id, statement.span, object=denied, weight=weight)]
