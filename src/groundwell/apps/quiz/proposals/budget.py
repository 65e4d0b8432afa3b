"""What asking a language model may cost one request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds for all calls of one request together.

    `seconds` is the deadline for all of them, `calls` counts repairs too, `concurrent` calls run
    at once. `chars_per_call` bounds the passages of a call, `chars_per_passage` each of them;
    `questions_per_call` is how many are asked for at most.

    Eight seconds leave two of ten for making questions without a model.
    """

    seconds: float = 8.0
    calls: int = 6
    concurrent: int = 2
    chars_per_call: int = 8000
    chars_per_passage: int = 2000
    questions_per_call: int = 8
    strikes: int = 2
    """How many failed or unusable answers end the asking."""

    @property
    def tokens_per_call(self) -> int:
        """Room for the answer: what a generous question takes, and some for a preface."""
        return 100 + 200 * self.questions_per_call


DEFAULT_BUDGET = Budget()
