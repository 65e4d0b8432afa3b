"""Questions that a language model proposes; whether they are asked, the checks decide."""

from groundwell.apps.quiz.proposals.budget import Budget
from groundwell.apps.quiz.proposals.propose import Proposed, propose
from groundwell.apps.quiz.proposals.refusals import Refusal

__all__ = ["Budget", "Proposed", "Refusal", "propose"]
