"""What a text names without ever introducing it: an office, a body, a document of its own."""

from __future__ import annotations

import re
from collections import Counter

from groundwell.apps.quiz.facts.markup import masked
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.analysis import analyse

_NAMED = re.compile(r"\b[Tt]he ([a-z]{3,} [a-z]{3,})\b")
_INTRODUCED = re.compile(r"\b(?:[Aa]n?|[Aa]nother|[Oo]ne) ([a-z]{3,} [a-z]{3,})\b")


def words_never_introduced(passage: Passage) -> frozenset[str]:
    """The terms of what two words name, again and again, and no sentence introduces.

    "The standing trustee" in each sentence, and never "a standing trustee", is whoever has that
    office, and nobody of whom a sentence before has told.
    """
    text = masked(passage.text)
    counts = Counter(_NAMED.findall(text))
    introduced = frozenset(_INTRODUCED.findall(text))
    kept = [name for name, count in counts.items() if count > 1 and name not in introduced]
    both = [frozenset(analyse(name, passage.language)) for name in kept]
    return frozenset().union(*(words for words in both if len(words) > 1))
