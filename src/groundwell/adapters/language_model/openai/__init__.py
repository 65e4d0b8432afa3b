"""The OpenAI chat completions protocol."""

from groundwell.adapters.language_model.openai.events import Deadlines
from groundwell.adapters.language_model.openai.model import OpenAILanguageModel

__all__ = ["Deadlines", "OpenAILanguageModel"]
