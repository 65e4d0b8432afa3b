"""What kind of request a text is, by rules that anybody can read.

An intent has cues: patterns, each with the probability that it alone speaks for the intent.
Several cues of one intent add up as independent evidence does: 1 - (1 - a)(1 - b).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from groundwell.domain.queries import IntentGuess

MAX_CHARS = 2000
"""How much of a text is read: what it is about stands at its beginning."""
DEFAULT_SCORE = 0.3


@dataclass(frozen=True, slots=True)
class Cue:
    """A sign of an intent. `pattern` is searched in the text in lower case.

    A text that `unless` matches does not count. `name` says in words what was seen.
    """

    intent: str
    weight: float
    name: str
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None = None


def cue(intent: str, weight: float, name: str, pattern: str, unless: str | None = None) -> Cue:
    """A cue from the text of its patterns; white space in them must be escaped to count."""
    assert 0 < weight < 1
    return Cue(
        intent,
        weight,
        name,
        re.compile(pattern, re.VERBOSE),
        re.compile(unless, re.VERBOSE) if unless else None,
    )


class IntentClassifier:
    """Ranks intents by their cues. The same text always gets the same answer."""

    def __init__(self, cues: Sequence[Cue], default: str) -> None:
        self._cues = tuple(cues)
        self._default = default
        self._intents = tuple(dict.fromkeys((default, *(each.intent for each in cues))))

    @property
    def intents(self) -> tuple[str, ...]:
        """All intents there are, the default one first."""
        return self._intents

    def classify(self, text: str) -> IntentGuess:
        """The intents by score; without any cue, the default one. Equal scores keep their order."""
        folded = " ".join(unicodedata.normalize("NFKC", text[:MAX_CHARS]).casefold().split())
        folded = folded.replace("’", "'")
        doubt = dict.fromkeys(self._intents, 1.0)
        doubt[self._default] = 1 - DEFAULT_SCORE
        seen: dict[str, list[str]] = {}
        for each in self._cues:
            if each.pattern.search(folded) and not (each.unless and each.unless.search(folded)):
                doubt[each.intent] *= 1 - each.weight
                seen.setdefault(each.intent, []).append(each.name)
        scores = {intent: round(1 - left, 4) for intent, left in doubt.items()}
        ranking = tuple(sorted(scores.items(), key=lambda item: -item[1]))
        best, confidence = ranking[0]
        reason = ", ".join(seen.get(best, ())) or "nothing spoke for another intent"
        return IntentGuess(best, confidence, ranking, reason)


QUESTION_CUES = (
    cue(
        "smalltalk",
        0.95,
        "a greeting or thanks",
        r"^(?:hi|hello|hey|hiya|yo|thank(?:s|\syou)(?:\sa\slot|\sso\smuch)?|thx|good\s(?:morning|"
        r"afternoon|evening|night)|how\sare\syou|bye|goodbye|ok(?:ay)?|great|cool|lol)"
        r"(?:\s(?:there|again|all|very\smuch))?\W*$",
    ),
    cue(
        "definition",
        0.85,
        "asks what something means",
        r"\b(?:define|definition\sof|meaning\sof|stands?\sfor)\b|\bwhat\sdoes\s.+\smean\b",
    ),
    cue(
        "definition",
        0.6,
        "what is a thing of few words",
        r"^(?:what(?:'s|\sis|\sare)|who\sis)\s(?:an?\s|the\s)?(?:[\w-]+\s?){1,3}\W*$",
        r"\b(?:best|difference|number|cause|treatment|symptom|rate|effect)s?\b",
    ),
    cue(
        "how_to",
        0.8,
        "asks for a way to do it",
        r"\bhow\s(?:do|can|should|would|could|must)\s(?:i|we|you|one|somebody)\b|\bhow\sto\b"
        r"|\b(?:steps?|instructions?|guide|tutorial|procedure)\s(?:to|for|on)\b",
    ),
    cue("reason", 0.8, "asks why", r"\bwhy\b|\bhow\scome\b|\b(?:reasons?|causes?)\s(?:for|of)\b"),
    cue(
        "comparison",
        0.9,
        "sets things side by side",
        r"\b(?:vs\.?|versus|compared?\s(?:to|with|and)|comparison|differences?\sbetween|"
        r"pros\sand\scons)(?:\W|$)",
    ),
    cue(
        "comparison",
        0.7,
        "asks which is better",
        r"\b(?:better|worse|more|less|faster|safer|cheaper|stronger)\b.*\b(?:than|or)\b",
    ),
    cue(
        "enumeration",
        0.75,
        "asks for several things",
        r"\b(?:list|name|enumerate)\s(?:of|all|the|some|three|five|\d+)\b|\bexamples?\sof\b|"
        r"\b(?:what|which)\sare\s(?:the\s)?(?:[\w-]+\s){0,3}"
        r"(?:types?|kinds?|symptoms?|causes?|effects?|benefits?|risks?|treatments?|steps|ways)\b",
    ),
    cue(
        "summary",
        0.9,
        "asks for a summary",
        r"\b(?:summari[sz]e|summary\sof|overview\sof|tl;?dr|in\sa\snutshell|key\spoints|main\s"
        r"(?:points|ideas?|findings))\b",
    ),
    cue(
        "fact",
        0.75,
        "asks who, when, where or how much",
        r"\b(?:who|whom|whose|when|where)\b.*\?|^(?:who|whom|whose|when|where)\b|"
        r"\bhow\s(?:many|much|long|often|old|far|tall|big|high|fast|heavy)\b|"
        r"\b(?:what|which)\s(?:year|date|day|percent(?:age)?|number|age|rate|size|dose|country)\b",
    ),
    cue("fact", 0.4, "asks what or which", r"^(?:what|which|in\swhich|in\swhat)\b"),
    cue(
        "yes_no",
        0.7,
        "asks whether",
        r"^(?:is|are|was|were|do|does|did|can|could|should|will|would|has|have|had|may|might|am)"
        r"(?:n't)?\s",
        r"\bor\b",
    ),
    cue(
        "lookup",
        0.5,
        "a few words without a question",
        r"^[^?]{1,60}$",
        r"\b(?:what|who|whom|whose|when|where|why|how|which|is|are|does|do|can|should)\b",
    ),
)
"""Intents of questions to a library. They change nothing that is found or answered: an explained
search tells the intent in `query`."""

QUESTION_INTENTS = IntentClassifier(QUESTION_CUES, default="lookup")
