"""What a question must pass before anybody sees it."""

from groundwell.apps.quiz.checks.check import CHECKS, check_again, check_question
from groundwell.apps.quiz.checks.evidence import Evidence, Further, Statement, statements_of
from groundwell.apps.quiz.checks.second_answer import claims_of

__all__ = [
    "CHECKS",
    "Evidence",
    "Further",
    "Statement",
    "check_again",
    "check_question",
    "claims_of",
    "statements_of",
]
