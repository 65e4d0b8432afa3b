"""Questions made of facts by templates, without a language model."""

from groundwell.apps.quiz.forms.distractors import Closeness
from groundwell.apps.quiz.forms.draft import draft_questions

__all__ = ["Closeness", "draft_questions"]
