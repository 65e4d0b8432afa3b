"""A made-up land: passages about things that do not exist, and right questions about them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from uuid import NAMESPACE_URL, uuid5

from groundwell.apps.quiz.checks import Evidence, check_question
from groundwell.apps.quiz.questions import (
    Bloom,
    Option,
    Pair,
    Passage,
    Question,
    QuestionType,
    Source,
)
from groundwell.domain.chunks import ChunkId

KINDS = ("tool", "herb", "boat", "dance", "mineral")
_STARTS = ("br", "dr", "fl", "gr", "kl", "m", "pl", "sk", "t", "v", "z", "n")
_VOWELS = ("a", "e", "i", "o", "u")
_ENDS = ("dor", "lin", "mek", "nup", "rag", "sib", "tov", "wick", "zan", "bam")


class Words:
    """Words that no language has, each given once."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self._given: set[str] = set()

    def new(self) -> str:
        while True:
            parts = (_STARTS, _VOWELS, _ENDS, _VOWELS, ("m", "n", "l", "r"))
            word = "".join(self._chance.choice(part) for part in parts)
            if word not in self._given:
                self._given.add(word)
                return word


@dataclass(frozen=True, slots=True)
class Thing:
    """Something of the land, and the passage about it."""

    name: str
    kind: str
    matter: str
    place: str
    weight: int
    cause: str
    steps: tuple[str, ...]
    parts: tuple[Pair, ...]
    passage: Passage

    def source(self, quote: str) -> Source:
        start = self.passage.text.index(quote)
        return Source.of(self.passage, start, start + len(quote))


@dataclass(frozen=True, slots=True)
class Land:
    """Things, the questions about them and the evidence for these."""

    things: tuple[Thing, ...]
    questions: tuple[Question, ...]

    @property
    def passages(self) -> tuple[Passage, ...]:
        return tuple(thing.passage for thing in self.things)

    def thing_of(self, question: Question) -> Thing:
        chunk = question.source.chunk_id
        return next(thing for thing in self.things if thing.passage.chunk_id == chunk)

    def evidence(self, *more: Passage) -> Evidence:
        return Evidence((*self.passages, *more))


def passage_of(text: str, name: str, *, char_start: int = 0, document: str = "") -> Passage:
    """A passage of a document of its own."""
    return Passage(
        chunk_id=ChunkId(str(uuid5(NAMESPACE_URL, name))),
        document_id=document or f"doc-{name}",
        version=1,
        filename=f"{name}.md",
        title=f"About the {name}",
        page=None,
        char_start=char_start,
        text=text,
    )


def make_land(count: int = 30, seed: int = 7) -> Land:
    """A land of `count` things, with nine questions about each."""
    words, chance = Words(seed), Random(seed)
    things = tuple(_thing(words, chance, place) for place in range(count))
    questions = [
        question for place in range(count) for question in _questions(things, place, chance)
    ]
    return Land(things, tuple(questions))


def checked(land: Land) -> list[Question]:
    """The land's questions with what the checks found."""
    evidence = land.evidence()
    return [check_question(question, evidence) for question in land.questions]


def _thing(words: Words, chance: Random, place: int) -> Thing:
    name, matter, cause = words.new(), words.new(), words.new()
    where = words.new().capitalize()
    weight = 1000 + 37 * place + chance.randrange(30)
    steps = tuple(f"{verb} the {words.new()}" for verb in ("Soak", "Fold", "Press", "Dry"))
    parts = tuple(Pair(words.new(), f"holds the {words.new()}") for _ in range(3))
    kind = KINDS[place % len(KINDS)]
    text = (
        f"The {name} is a {kind} that gathers {matter} in winter. "
        f"It was first seen near the town of {where}, where the {name} was drawn by hand. "
        f"A grown {name} weighs {weight:,} kilograms in wet weather. "
        f"Rust on the {name} is caused by {cause} and by nothing that people do.\n\n"
        f"How to make a {name}:\n\n"
        + "".join(f"{number}. {step}.\n" for number, step in enumerate(steps, start=1))
        + f"\nThe parts of the {name}:\n\n"
        + "".join(f"- {pair.left}: {pair.right}\n" for pair in parts)
    )
    passage = passage_of(text, name, char_start=100 * place)
    return Thing(name, kind, matter, where, weight, cause, steps, parts, passage)


def _questions(things: tuple[Thing, ...], place: int, chance: Random) -> list[Question]:
    thing = things[place]
    others = chance.sample([each for each in things if each is not thing], 3)
    return [
        _mcq(thing, others),
        _numeric_mcq(thing),
        _statement(thing, others[0], is_true=place % 2 == 0),
        _whole_statement(thing, others[1], is_true=place % 2 == 1),
        _cloze(thing),
        _numeric(thing),
        _short(thing),
        _ordering(thing),
        _matching(thing),
    ]


def _sentence(thing: Thing, start: str) -> str:
    text = thing.passage.text
    at = text.index(start)
    return text[at : text.index(".", at) + 1]


def _mcq(thing: Thing, others: list[Thing]) -> Question:
    quote = _sentence(thing, f"The {thing.name} is a")
    options = [Option(thing.name, is_correct=True, feedback=quote)]
    options += [Option(other.name, is_correct=False) for other in others]
    return Question(
        QuestionType.MCQ,
        f"Which {thing.kind} gathers {thing.matter} in winter?",
        thing.name,
        f"{thing.name.capitalize()}. The text says: “{quote}”",
        thing.source(quote),
        "definition-mcq",
        claim=f"The {{}} is a {thing.kind} that gathers {thing.matter} in winter.",
        options=tuple(options),
        hint=f"It is a {thing.kind}.",
        bloom=Bloom.UNDERSTAND,
        difficulty=3,
    )


def _numeric_mcq(thing: Thing) -> Question:
    quote = _sentence(thing, f"A grown {thing.name}")
    numbers = (thing.weight - 200, thing.weight, thing.weight + 350, thing.weight + 900)
    return Question(
        QuestionType.MCQ,
        f"How much does a grown {thing.name} weigh in wet weather?",
        f"{thing.weight:,} kilograms",
        f"The text says: “{quote}”",
        thing.source(quote),
        "number-mcq",
        claim=f"A grown {thing.name} weighs {{}} in wet weather.",
        options=tuple(Option(f"{n:,} kilograms", n == thing.weight) for n in numbers),
        difficulty=2,
    )


def _statement(thing: Thing, other: Thing, *, is_true: bool) -> Question:
    quote = _sentence(thing, f"The {thing.name} is a")
    matter = thing.matter if is_true else other.matter
    claim = f"The {thing.name} is a {thing.kind} that gathers {{}} in winter."
    return Question(
        QuestionType.TRUE_FALSE,
        f"True or false: {claim.format(matter)}",
        str(is_true),
        f"{is_true}. The text says: “{quote}”",
        thing.source(quote),
        "swapped-object",
        claim=claim,
        options=(Option("True", is_true), Option("False", not is_true)),
        difficulty=1,
    )


def _whole_statement(thing: Thing, other: Thing, *, is_true: bool) -> Question:
    """One whose claim is the statement itself, and whose two answers go without saying."""
    quote = _sentence(thing, "Rust on")
    name = thing.name if is_true else other.name
    claim = f"Rust on the {name} is caused by {thing.cause}."
    return Question(
        QuestionType.TRUE_FALSE,
        f"True or false? “{claim}”",
        str(is_true),
        f"{is_true}: it is {thing.name.capitalize()}. The text says: “{quote}”",
        thing.source(quote),
        "swapped-subject",
        claim=claim,
        bloom=Bloom.UNDERSTAND,
        difficulty=2,
    )


def _cloze(thing: Thing) -> Question:
    quote = _sentence(thing, "Rust on")
    claim = f"Rust on the {thing.name} is caused by {{}} and by nothing that people do."
    return Question(
        QuestionType.CLOZE,
        claim.format("_____"),
        thing.cause,
        f"{thing.cause.capitalize()}. The text says: “{quote}”",
        thing.source(quote),
        "cloze",
        claim=claim,
        difficulty=2,
    )


def _numeric(thing: Thing) -> Question:
    quote = _sentence(thing, f"A grown {thing.name}")
    return Question(
        QuestionType.NUMERIC,
        f"How many kilograms does a grown {thing.name} weigh in wet weather?",
        f"{thing.weight:,} kilograms",
        f"The text says: “{quote}”",
        thing.source(quote),
        "number",
        claim=f"A grown {thing.name} weighs {{}} kilograms in wet weather.",
        value=float(thing.weight),
        tolerance=0.0,
        unit="kilograms",
        difficulty=3,
    )


def _short(thing: Thing) -> Question:
    quote = _sentence(thing, "It was first seen")
    return Question(
        QuestionType.SHORT,
        f"Near which town was the {thing.name} first seen?",
        thing.place,
        f"The text says: “{quote}”",
        thing.source(quote),
        "place",
        claim=f"The {thing.name} was first seen near the town of {{}}, where it was drawn by hand.",
        accepted=(f"near {thing.place}",),
        difficulty=3,
    )


def _ordering(thing: Thing) -> Question:
    start = thing.passage.text.index("How to make")
    quote = thing.passage.text[start : thing.passage.text.index("\nThe parts")].strip()
    return Question(
        QuestionType.ORDERING,
        f"Put the steps of how to make a {thing.name} into order.",
        "; ".join(thing.steps),
        f"The text gives the steps of making a {thing.name} in this order.",
        thing.source(quote),
        "steps",
        steps=thing.steps,
        bloom=Bloom.APPLY,
        difficulty=4,
    )


def _matching(thing: Thing) -> Question:
    quote = thing.passage.text[thing.passage.text.index("The parts of") :].strip()
    return Question(
        QuestionType.MATCHING,
        f"Match the parts of the {thing.name} with what each of them does.",
        "; ".join(f"{pair.left}: {pair.right}" for pair in thing.parts),
        f"The text says so of the parts of the {thing.name}.",
        thing.source(quote),
        "glossary",
        pairs=thing.parts,
        bloom=Bloom.UNDERSTAND,
        difficulty=4,
    )
