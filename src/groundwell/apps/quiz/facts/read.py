"""From a passage to its facts."""

from __future__ import annotations

from collections import Counter

from groundwell.apps.quiz.facts.called_false import called_false, is_called_false
from groundwell.apps.quiz.facts.fact import Fact
from groundwell.apps.quiz.facts.glosses import gloss_facts
from groundwell.apps.quiz.facts.lists import list_facts
from groundwell.apps.quiz.facts.reading import read
from groundwell.apps.quiz.facts.sentences import sentence_facts
from groundwell.apps.quiz.facts.statements import statements_of
from groundwell.apps.quiz.facts.tables import table_facts
from groundwell.apps.quiz.facts.unintroduced import words_never_introduced
from groundwell.apps.quiz.facts.untagged import untagged_facts
from groundwell.apps.quiz.language import has_tagger
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.analysis import analyse

_FIRST_BONUS = 0.5
_LEAST_SENTENCES = 3
_LEAST_SHARE = 0.5


def facts_of(passage: Passage) -> tuple[Fact, ...]:
    """The facts that the passage states, the most worth asking first.

    They depend on the passage alone, so they may be kept under its chunk's id for ever. A
    passage of 1,000 characters takes about 5 ms.
    """
    named = frozenset(
        analyse(" ".join((passage.title or "", *passage.heading_path)), passage.language)
    )
    facts: list[Fact] = []
    if not has_tagger(passage.language, passage.text):
        facts += untagged_facts(passage, named, 1.0)
    else:
        known = named | _recurring(passage) | words_never_introduced(passage)
        for statement in statements_of(passage):
            weight = 1.0 + _FIRST_BONUS * statement.is_first
            facts += sentence_facts(statement, passage, named, known, weight)
        facts += list_facts(passage, 1.0)
        facts += table_facts(passage, 1.0)
        facts += gloss_facts(passage, named, 1.0)
    false = called_false(passage)
    facts = [fact for fact in facts if not is_called_false(false, fact.quote)]
    return tuple(sorted(facts, key=lambda fact: (-fact.weight, fact.quote, fact.kind)))


def _recurring(passage: Passage) -> frozenset[str]:
    """The terms that the passage comes back to: what it is about, though no heading says so."""
    sentences = read(passage.text, passage.language).sentences
    counts = Counter(term for sentence in sentences for term in sentence)
    least = max(_LEAST_SENTENCES, _LEAST_SHARE * len(sentences))
    return frozenset(term for term, count in counts.items() if count >= least)
