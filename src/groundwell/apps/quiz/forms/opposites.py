"""False statements: sentences with one word turned round, which say the opposite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from groundwell.apps.quiz.facts.fact import Fact
from groundwell.apps.quiz.facts.markup import masked
from groundwell.apps.quiz.forms.verdicts import false_statement, fits_article
from groundwell.apps.quiz.forms.wording import claim_of, terms_in, words_at
from groundwell.apps.quiz.language import Span
from groundwell.apps.quiz.questions import Passage, Question

# Opposites that measure, count, order and place, chosen by hand: a statement is hardly true with
# both words of a pair. English has more of them; a sentence with others is not turned round.
_PAIRS = (
    ("more", "less"), ("increase", "decrease"), ("increases", "decreases"),
    ("increased", "decreased"), ("increasing", "decreasing"), ("high", "low"),
    ("higher", "lower"), ("highest", "lowest"), ("before", "after"), ("early", "late"),
    ("earlier", "later"), ("inner", "outer"), ("above", "below"), ("inside", "outside"),
    ("internal", "external"), ("large", "small"), ("larger", "smaller"),
    ("largest", "smallest"), ("longer", "shorter"), ("longest", "shortest"), ("long", "short"),
    ("faster", "slower"), ("rapidly", "slowly"), ("strong", "weak"), ("maximum", "minimum"),
    ("stronger", "weaker"), ("warmer", "colder"), ("thick", "thin"), ("thicker", "thinner"),
    ("wide", "narrow"), ("wider", "narrower"), ("deep", "shallow"), ("heavier", "lighter"),
    ("older", "younger"), ("northern", "southern"), ("eastern", "western"), ("rare", "common"),
    ("severe", "mild"), ("most", "few"), ("usually", "rarely"), ("present", "absent"),
    ("temporary", "permanent"), ("male", "female"), ("males", "females"),
)  # fmt: skip
# Turned round in one direction only: what is rare is not often.
_FURTHER = {
    "Most": "Few", "often": "rarely", "typically": "rarely", "generally": "rarely",
    "commonly": "rarely", "frequently": "rarely", "quickly": "slowly", "gradually": "suddenly",
    "majority": "minority",
}  # fmt: skip
# How often is told by one of these words, of which each is another length of time.
_PERIODS = {
    "daily": "weekly", "weekly": "monthly", "monthly": "weekly", "quarterly": "monthly",
    "annual": "monthly", "annually": "monthly", "yearly": "monthly",
}  # fmt: skip
_QUANTIFIERS = frozenset({*_FURTHER, "usually", "rarely", "most", "few"})
_OPPOSITE = {second: first for first, second in _PAIRS} | dict(_PAIRS) | _FURTHER | _PERIODS
_POLAR = re.compile(
    rf"(?<![\w-])(?:{'|'.join(sorted(_OPPOSITE, key=len, reverse=True))})(?![\w-]| than one\b)"
)
_LETTERS = re.compile(r"[^\W\d_]+")
# Phrases in which the words are no opposites: "the most common", "or longer", "at a minimum",
# "a salary increase pool". "Lower" is a verb, but not before "than", and "present" tells a time,
# but not before "in". Who is named after somebody is not so later.
_FIXED = re.compile(
    r"\b(?:the|a|very|as|too|so|at|its|their|how)\s+(?:most|few)\b|\b[Mm]ost\s+(?:\w+ly|often|of)\b|"
    r"(?<!\bin )(?<!\bby )(?<!\bamong )\bmost\b|\bmost\s+(?!\w+s\b|people\b|children\b)|"
    r"\b(?:more|less)\s+or\s+(?:more|less)\b|\bor\s+(?:more|less|\w+er)\b(?!\s+than)|"
    r"\b(?:more|less)\s+than\s+an?\b|\bat a (?:minimum|maximum)\b|\b(?:least|than)\s+\w+ly\b|"
    r"\b(?:in|de)creases?\s+(?!in\b|of\b|by\b|to\b|the\b|with\b|as\b)\w|\b\w+ly\s+only\b|"
    r"\d\S*\s+(?:\w+\s+)?(?:more|less)\b(?!\s+\w)|"
    r"\btimes\s+as\b|\bthe\s+(?:rare|common)\b|"
    r"\blower(?! than)|\blong as\b|\bpresent(?! (?:at|in|on)\b)|"
    r"\b(?:named|called|look(?:s|ed|ing)?|modelled|takes?|took)\s+after\b"
)
# What holds now and then may hold the other way round as well.
_OPEN = re.compile(r"\b(?:can|may|might|could|some|sometimes|any|many)\b", re.IGNORECASE)
_EXPLAINED = re.compile(r"(?:[\w-]+ ){0,4}\([^()]*\)")
_USUAL = re.compile(r"\b(?:often|usually|typically|generally|commonly|frequently)\b")
_DEGREE = re.compile(r"e?(?:r|st)?\Z")
_LEAST_TERMS = 6
_MOST_CHARACTERS = 220


def opposite_questions(fact: Fact, passage: Passage, seed: int) -> Iterator[Question]:
    """What the sentence says with one word turned round."""
    sentence = words_at(passage, fact.quote)
    if ";" in sentence or len(sentence) > _MOST_CHARACTERS:
        return
    if len(terms_in(sentence)) < _LEAST_TERMS or _OPEN.search(sentence):
        return
    place = _turning(fact, masked(passage.text))
    if place is None:
        return
    own = masked(passage.text)[slice(*place)]
    other = _OPPOSITE[own]
    if not fits_article(claim_of(passage, fact.quote, place), own, other):
        return
    yield false_statement(
        passage,
        fact,
        place,
        other,
        template="false-opposite",
        seed=seed,
        hint=f"Mind the word “{other}”.",
    )


def says_opposite(said: str, told: str) -> bool:
    """Whether `said` has a word whose opposite stands in `told`, where the word itself does not."""
    words, others = (frozenset(_LETTERS.findall(text.lower())) for text in (said, told))
    return any(_OPPOSITE.get(word, word) in others - words for word in words - others)


def _turning(fact: Fact, text: str) -> Span | None:
    """Where the word is that can be turned round; None where none is, or several belong together.

    What the sentence is about must stay: it could be true of the opposite of that as well. But how
    many of them and how often is told of the whole sentence.
    """
    found = list(_POLAR.finditer(text, *fact.quote))
    if not found:
        return None
    words = text[slice(*fact.quote)]
    if any(_POLAR.search(aside) for aside in _EXPLAINED.findall(words)):
        return None  # what stands in brackets may tell the word that would be turned round
    if _FIXED.search(words):
        return None
    if any(_are_of_one_scale(*pair) for pair in combinations(found, 2)):
        return None
    told = [each for each in found if each.group() in _QUANTIFIERS]
    about = fact.predicate.start if fact.predicate else fact.quote.end
    told = told or [each for each in found if each.start() >= about]
    if not told or (told[0].group() not in _QUANTIFIERS and _USUAL.search(words)):
        return None
    return Span(*told[0].span())


def _are_of_one_scale(one: re.Match[str], other: re.Match[str]) -> bool:
    """Whether they are opposites, or degrees of one: the smallest is larger than nothing."""
    stems = [_degreeless(word) for word in (one.group(), _OPPOSITE[one.group()])]
    return _degreeless(other.group()) in stems


def _degreeless(word: str) -> str:
    return _DEGREE.sub("", word.lower())
