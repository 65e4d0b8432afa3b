"""What a passage states, found by grammar: the raw material of questions."""

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.facts.read import facts_of

__all__ = ["Fact", "FactKind", "facts_of"]
