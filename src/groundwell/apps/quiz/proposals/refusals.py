"""Why a proposal does not become a question."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """The first reason that was found."""

    UNREADABLE = "unreadable"
    """It is not JSON, or longer than a question can be."""
    MALFORMED = "malformed"
    """A field is missing, of the wrong type or out of bounds."""
    ORDERS = "orders"
    """It gives orders to a model, or its passage does, which was then not sent."""
    QUOTE_NOT_FOUND = "quote_not_found"
    """No passage has the quote."""
    ANSWER_NOT_IN_QUOTE = "answer_not_in_quote"
    """The quote does not prove the answer."""
    ANSWER_IN_QUESTION = "answer_in_question"
    """The question gives the answer away."""
    NAMES_SOURCE = "names_source"
    """The question speaks of a passage, which whoever is asked does not see."""
    LONG_ANSWER = "long_answer"
    """Nobody would type it like that."""
    BAD_GAP = "bad_gap"
    """The statement has no gap, or several."""
    BAD_OPTIONS = "bad_options"
    """Too few different wrong answers are left, or one is a mere letter."""
    BAD_NUMBER = "bad_number"
    """The answer is not one number that can be read in one way only."""
    INVENTED = "invented"
    """A number, a web address or a tag that its passage does not have."""
    UNSUPPORTED = "unsupported"
    """Its quote does not say so: it uses other words, or says the opposite."""
    DUPLICATE = "duplicate"
    """The same question stands before it."""
