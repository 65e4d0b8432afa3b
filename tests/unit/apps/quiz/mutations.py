"""Ways to spoil a right question, each with the check that must notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from tests.unit.apps.quiz.made_up import Land, passage_of

from groundwell.apps.quiz.questions import Option, Pair, Passage, Question, QuestionType

Spoil: TypeAlias = Callable[[Question, "Place"], "Question | tuple[Question, Passage] | None"]

MCQ, STATEMENT, CLOZE, NUMERIC = (
    QuestionType.MCQ,
    QuestionType.TRUE_FALSE,
    QuestionType.CLOZE,
    QuestionType.NUMERIC,
)
SHORT, MATCHING, ORDERING = QuestionType.SHORT, QuestionType.MATCHING, QuestionType.ORDERING
TYPED = (CLOZE, NUMERIC, SHORT)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a question is spoiled: what else there is, and a source of chance."""

    land: Land
    chance: Random

    def other(self, question: Question) -> Question:
        """A question of the same template about something else."""
        alike = [
            each
            for each in self.land.questions
            if each.template == question.template
            and each.source.chunk_id != question.source.chunk_id
        ]
        return self.chance.choice(alike)

    def name(self) -> str:
        """A name that no text has."""
        return "Q" + "".join(self.chance.choice("aeioubdgklmprst") for _ in range(8))


@dataclass(frozen=True, slots=True)
class Mutation:
    """A way to spoil questions of some types, all of them where none is named."""

    check: str
    name: str
    spoil: Spoil
    types: tuple[QuestionType, ...]
    templates: tuple[str, ...]

    def mutants(self, place: Place) -> Iterator[tuple[Question, tuple[Passage, ...]]]:
        """The spoilt questions, each with the passages that came with the spoiling."""
        for question in place.land.questions:
            if self.types and question.type not in self.types:
                continue
            if self.templates and question.template not in self.templates:
                continue
            spoilt = self.spoil(question, place)
            if isinstance(spoilt, Question):
                yield spoilt, ()
            elif spoilt:
                yield spoilt[0], (spoilt[1],)


MUTATIONS: list[Mutation] = []


def spoils(
    check: str, *types: QuestionType, templates: tuple[str, ...] = ()
) -> Callable[[Spoil], Spoil]:
    """Enter a function into the table, under its own name."""

    def enter(spoil: Spoil) -> Spoil:
        MUTATIONS.append(Mutation(check, spoil.__name__, spoil, types, templates))
        return spoil

    return enter


def _wrong(question: Question, place: Place) -> Option:
    return place.chance.choice([option for option in question.options if not option.is_correct])


def _with_options(question: Question, change: Callable[[Option], Option]) -> Question:
    return replace(question, options=tuple(map(change, question.options)))


# --- schema


@spoils("schema")
def empty_stem(question: Question, _: Place) -> Question:
    return replace(question, stem="  ")


@spoils("schema")
def empty_explanation(question: Question, _: Place) -> Question:
    return replace(question, explanation="")


@spoils("schema")
def control_character(question: Question, _: Place) -> Question:
    return replace(question, stem=question.stem[:5] + "\x07" + question.stem[5:])


@spoils("schema")
def impossible_difficulty(question: Question, place: Place) -> Question:
    return replace(question, difficulty=place.chance.choice((0, 6, -1)))


@spoils("schema", MCQ, *TYPED)
def claim_without_place(question: Question, _: Place) -> Question:
    return replace(question, claim=question.claim.replace("{}", "it"))


@spoils("schema", MCQ)
def no_options(question: Question, _: Place) -> Question:
    return replace(question, options=())


@spoils("schema", *TYPED)
def superfluous_options(question: Question, _: Place) -> Question:
    return replace(question, options=(Option(question.answer, is_correct=True),))


@spoils("schema", CLOZE)
def two_gaps(question: Question, _: Place) -> Question:
    return replace(question, stem=question.stem.replace("caused by", "____ by"))


@spoils("schema", NUMERIC)
def no_value(question: Question, place: Place) -> Question:
    return replace(question, value=place.chance.choice((None, float("nan"), float("inf"))))


@spoils("schema", NUMERIC)
def unit_not_asked_for(question: Question, _: Place) -> Question:
    return replace(question, unit="bushels")


@spoils("schema", MATCHING, ORDERING)
def two_parts(question: Question, _: Place) -> Question:
    return replace(question, steps=question.steps[:2], pairs=question.pairs[:2])


@spoils("schema", STATEMENT)
def statement_is_not_the_claim(question: Question, place: Place) -> Question:
    return replace(question, stem=place.other(question).stem)


# --- grounding


@spoils("grounding")
def wrong_offset(question: Question, place: Place) -> Question:
    by = place.chance.choice((-3, -1, 1, 2, 40))
    source = question.source
    return replace(question, source=replace(source, start=source.start + by, end=source.end + by))


@spoils("grounding")
def quote_not_verbatim(question: Question, place: Place) -> Question:
    quote = question.source.quote
    at = place.chance.randrange(len(quote))
    changed = quote[:at] + ("x" if quote[at] != "x" else "y") + quote[at + 1 :]
    return replace(question, source=replace(question.source, quote=changed))


@spoils("grounding")
def source_of_another(question: Question, place: Place) -> Question:
    return replace(question, source=place.other(question).source)


@spoils("grounding")
def unknown_version(question: Question, _: Place) -> Question:
    return replace(question, source=replace(question.source, version=2))


@spoils("grounding", CLOZE, SHORT)
def key_of_another(question: Question, place: Place) -> Question:
    return replace(question, answer=place.other(question).answer)


@spoils("grounding", templates=("definition-mcq", "number-mcq"))
def another_option_is_right(question: Question, place: Place) -> Question:
    chosen = _wrong(question, place)
    options = tuple(replace(each, is_correct=each is chosen) for each in question.options)
    return replace(question, answer=chosen.text, options=options)


@spoils("grounding", NUMERIC)
def changed_number(question: Question, place: Place) -> Question:
    value = (question.value or 0) + place.chance.choice((-100, -1, 1, 0.5, 9000))
    return replace(question, value=value, answer=f"{value} kilograms")


@spoils("grounding", NUMERIC)
def value_is_not_the_answer(question: Question, _: Place) -> Question:
    return replace(question, value=(question.value or 0) * 1000)


@spoils("grounding", STATEMENT)
def flipped_truth(question: Question, _: Place) -> Question:
    options = tuple(replace(each, is_correct=not each.is_correct) for each in question.options)
    answer = "False" if question.answer == "True" else "True"
    return replace(question, answer=answer, options=options)


@spoils("grounding")
def number_in_explanation(question: Question, place: Place) -> Question:
    number = place.chance.randrange(20_000, 90_000)
    return replace(question, explanation=f"{question.explanation} That is {number} in all.")


@spoils("grounding")
def number_word_in_explanation(question: Question, _: Place) -> Question:
    return replace(question, explanation=f"{question.explanation} There are seventeen of them.")


@spoils("grounding")
def name_in_explanation(question: Question, place: Place) -> Question:
    return replace(question, explanation=f"{question.explanation} It was {place.name()} who said.")


@spoils("grounding")
def full_name_that_opens_a_sentence(question: Question, place: Place) -> Question:
    name = f"{place.name()} {place.name()}"
    return replace(question, explanation=f"{question.explanation} {name} found it.")


@spoils("grounding", MCQ, *TYPED, MATCHING, ORDERING)
def name_in_stem(question: Question, place: Place) -> Question:
    return replace(question, stem=f"As told by {place.name()}: {question.stem}")


@spoils("grounding", MATCHING)
def swapped_pairs(question: Question, _: Place) -> Question:
    first, second, *rest = question.pairs
    swapped = (Pair(first.left, second.right), Pair(second.left, first.right), *rest)
    return replace(question, pairs=swapped)


@spoils("grounding", MATCHING)
def foreign_pair(question: Question, place: Place) -> Question:
    return replace(question, pairs=(*question.pairs[:-1], place.other(question).pairs[0]))


@spoils("grounding", ORDERING)
def swapped_steps(question: Question, place: Place) -> Question:
    steps = list(question.steps)
    at = place.chance.randrange(len(steps) - 1)
    steps[at], steps[at + 1] = steps[at + 1], steps[at]
    return replace(question, steps=tuple(steps))


@spoils("grounding", ORDERING)
def foreign_step(question: Question, place: Place) -> Question:
    return replace(question, steps=(*question.steps[:-1], place.other(question).steps[0]))


# --- one key


@spoils("one_key", MCQ, STATEMENT)
def two_right_options(question: Question, place: Place) -> Question | None:
    if not question.options:
        return None
    chosen = _wrong(question, place)
    return _with_options(
        question, lambda each: replace(each, is_correct=each.is_correct or each is chosen)
    )


@spoils("one_key", MCQ, STATEMENT)
def no_right_option(question: Question, _: Place) -> Question | None:
    if not question.options:
        return None
    return _with_options(question, lambda each: replace(each, is_correct=False))


@spoils("one_key", MCQ)
def too_few_options(question: Question, _: Place) -> Question:
    right = [each for each in question.options if each.is_correct]
    return replace(question, options=(*right, *question.options[-1:]))


@spoils("one_key", MCQ)
def too_many_options(question: Question, place: Place) -> Question:
    more = (Option(place.name(), is_correct=False) for _ in range(2))
    return replace(question, options=(*question.options, *more))


@spoils("one_key", MCQ)
def key_again_in_other_letters(question: Question, place: Place) -> Question:
    changes: list[Callable[[str], str]] = [
        str.upper,
        lambda text: f"the {text}",
        lambda text: f"{text}.",
        lambda text: text[:-1] if text.endswith("s") else f"{text}s",
        lambda text: f"“{text}”",
        lambda text: text.replace(",", "") + " ",
    ]
    chosen, change = _wrong(question, place), place.chance.choice(changes)
    again = replace(chosen, text=change(question.answer))
    return _with_options(question, lambda each: again if each is chosen else each)


@spoils("one_key", templates=("number-mcq",))
def number_spelled_otherwise(question: Question, place: Place) -> Question:
    chosen = _wrong(question, place)
    number = question.answer.split(" ")[0].replace(",", "")
    text = place.chance.choice(
        (f"{number} kilograms", f"{number}.0 kilograms", f"{number}kilograms")
    )
    return _with_options(
        question, lambda each: replace(each, text=text) if each is chosen else each
    )


@spoils("one_key", templates=("definition-mcq",))
def misspelt_key_again(question: Question, place: Place) -> Question:
    chosen, key = _wrong(question, place), question.answer
    at = place.chance.choice([n for n in range(1, len(key) - 1) if key[n] != key[n + 1]])
    text = place.chance.choice(
        (key[:at] + key[at + 1] + key[at] + key[at + 2 :], key[:at] + key[at + 1 :])
    )
    return _with_options(
        question, lambda each: replace(each, text=text) if each is chosen else each
    )


@spoils("one_key", MCQ)
def option_that_holds_the_key(question: Question, place: Place) -> Question:
    chosen = _wrong(question, place)
    longer = replace(chosen, text=f"{question.answer} of the north")
    return _with_options(question, lambda each: longer if each is chosen else each)


@spoils("one_key", MCQ, STATEMENT)
def answer_is_not_the_right_option(question: Question, place: Place) -> Question | None:
    if not question.options:
        return None
    return replace(question, answer=_wrong(question, place).text)


@spoils("one_key", STATEMENT)
def third_truth(question: Question, _: Place) -> Question | None:
    if not question.options:
        return None
    return replace(question, options=(*question.options, Option("Unknown", is_correct=False)))


@spoils("one_key", MATCHING, ORDERING)
def same_part_twice(question: Question, _: Place) -> Question:
    pairs = tuple(replace(pair, right=question.pairs[0].right) for pair in question.pairs)
    return replace(question, pairs=pairs, steps=(*question.steps, *question.steps[:1]))


# --- second answer


@spoils("second_answer", MCQ)
def other_option_is_right_elsewhere(question: Question, place: Place) -> tuple[Question, Passage]:
    text = question.claim.replace("{}", _wrong(question, place).text)
    return question, passage_of(f"Much is told here. {text} More follows.", place.name())


@spoils("second_answer", MCQ)
def other_option_is_right_in_other_words(
    question: Question, place: Place
) -> tuple[Question, Passage]:
    said = " ".join(question.claim.replace("{}", "").split()[1:]).rstrip(".")
    text = f"And people say so of {_wrong(question, place).text}: {said}."
    return question, passage_of(text, place.name())


@spoils("second_answer", templates=("definition-mcq",))
def other_option_is_right_under_its_title(
    question: Question, place: Place
) -> tuple[Question, Passage]:
    _, _, said = question.claim.partition("{}")
    passage = passage_of(f"This is what one should know. It{said}", place.name())
    return question, replace(passage, title=_wrong(question, place).text.upper())


@spoils("second_answer", templates=("definition-mcq",))
def same_is_said_of_something_else(question: Question, place: Place) -> tuple[Question, Passage]:
    text = question.claim.replace("{}", place.name().lower())
    return question, passage_of(text, place.name())


@spoils("second_answer", templates=("definition-mcq",))
def what_may_be(question: Question, place: Place) -> Question:
    word = place.chance.choice(("may", "can", "could", "might"))
    return replace(question, claim=question.claim.replace(" is ", f" {word} be "))


@spoils("second_answer", *TYPED)
def other_answer_elsewhere(question: Question, place: Place) -> tuple[Question, Passage]:
    other = place.other(question).answer
    if question.type is NUMERIC:
        other = str(place.chance.randrange(10, 900))
    text = question.claim.replace("{}", other)
    return question, passage_of(f"{text} Few know this.", place.name())


@spoils("second_answer", STATEMENT)
def false_statement_is_true_elsewhere(
    question: Question, place: Place
) -> tuple[Question, Passage] | None:
    if question.answer == "True":
        return None
    return question, passage_of(question.stem.partition("alse")[2].strip(":? “”"), place.name())


# --- round trip


@spoils("round_trip", MCQ, *TYPED)
def stem_of_another(question: Question, place: Place) -> Question:
    return replace(question, stem=place.other(question).stem)


@spoils("round_trip", MCQ, NUMERIC, SHORT)
def stem_without_a_subject(question: Question, _: Place) -> Question:
    return replace(question, stem="What is meant here?")


@spoils("round_trip", templates=("definition-mcq", "number-mcq"))
def wrong_option_is_key(question: Question, place: Place) -> Question:
    return another_option_is_right(question, place)


@spoils("round_trip", CLOZE, SHORT)
def typed_key_of_another(question: Question, place: Place) -> Question:
    return replace(question, answer=place.other(question).answer, accepted=())


@spoils("round_trip", CLOZE)
def another_word_of_the_sentence_is_key(question: Question, _: Place) -> Question:
    return replace(question, answer="people")


@spoils("round_trip", NUMERIC)
def another_value(question: Question, _: Place) -> Question:
    return replace(question, value=(question.value or 0) + 3)


@spoils("round_trip", MATCHING)
def pairs_of_another(question: Question, place: Place) -> Question:
    pairs = tuple(
        replace(pair, right=other.right)
        for pair, other in zip(question.pairs, place.other(question).pairs, strict=True)
    )
    return replace(question, pairs=pairs)


@spoils("round_trip", ORDERING)
def reversed_steps(question: Question, _: Place) -> Question:
    return replace(question, steps=question.steps[::-1])


@spoils("round_trip", STATEMENT)
def statement_of_another(question: Question, place: Place) -> Question:
    other = place.other(question)
    return replace(question, stem=other.stem, claim=other.claim)


# --- item flaws


@spoils("item_flaws", MCQ)
def option_about_the_others(question: Question, place: Place) -> Question:
    chosen = _wrong(question, place)
    text = place.chance.choice(
        ("All of the above", "None of the above", "None of these", "Both A and B", "all of these.")
    )
    return _with_options(
        question, lambda each: replace(each, text=text) if each is chosen else each
    )


@spoils("item_flaws", MCQ)
def absolute_word_in_a_wrong_option(question: Question, place: Place) -> Question:
    chosen = _wrong(question, place)
    word = place.chance.choice(("always", "never", "only"))
    return _with_options(
        question, lambda each: replace(each, text=f"{word} {each.text}") if each is chosen else each
    )


@spoils("item_flaws", templates=("definition-mcq",))
def long_key(question: Question, _: Place) -> Question:
    text = f"{question.answer} of the northern hills"
    return replace(
        _with_options(question, lambda e: replace(e, text=text) if e.is_correct else e),
        answer=text,
    )


@spoils("item_flaws", templates=("definition-mcq",))
def word_of_the_stem_in_the_key(question: Question, _: Place) -> Question:
    text = f"winter {question.answer}"
    return replace(
        _with_options(question, lambda e: replace(e, text=text) if e.is_correct else e),
        answer=text,
    )


@spoils("item_flaws", templates=("definition-mcq",))
def article_that_fits_some(question: Question, place: Place) -> Question:
    return replace(question, stem=place.chance.choice(("What grows here is an:", "It is an ____.")))


@spoils("item_flaws", MCQ, SHORT, STATEMENT, MATCHING, ORDERING)
def negative_stem(question: Question, place: Place) -> Question:
    word = place.chance.choice(("not", "never", "NOT", "except"))
    middle = question.stem.index(" ", len(question.stem) // 2)
    return replace(question, stem=f"{question.stem[:middle]} {word}{question.stem[middle:]}")


@spoils("item_flaws", templates=("number-mcq",))
def numbers_in_no_order(question: Question, _: Place) -> Question:
    first, second, *rest = question.options
    return replace(question, options=(second, first, *rest))


@spoils("item_flaws")
def letter_in_explanation(question: Question, place: Place) -> Question:
    letter = place.chance.choice("ABCDE")
    text = place.chance.choice(
        (
            f"Option {letter} is right.",
            f"The answer is {letter}.",
            f"The correct answer: {letter}.",
            f"({letter}) says so.",
            f"{letter} is correct because the text says so.",
            f"It is right, but {letter} is wrong.",
            "The second option is right.",
        )
    )
    return replace(question, explanation=f"{question.explanation} {text}")


@spoils("item_flaws", MCQ)
def letter_in_feedback(question: Question, place: Place) -> Question:
    chosen = _wrong(question, place)
    return _with_options(
        question,
        lambda each: replace(each, feedback="No: choice B is right.") if each is chosen else each,
    )


@spoils("item_flaws", MCQ, *TYPED)
def stem_with_the_key(question: Question, _: Place) -> Question:
    return replace(question, stem=f"Think of {question.answer}. {question.stem}")


@spoils("item_flaws", MCQ, *TYPED)
def hint_with_the_key(question: Question, _: Place) -> Question:
    return replace(question, hint=f"It is {question.answer}.")


@spoils("item_flaws", MCQ, *TYPED)
def stem_that_breaks_off(question: Question, _: Place) -> Question:
    return replace(question, stem=question.stem.rstrip("?.").rstrip("_ ") + " and the")


@spoils("item_flaws", MCQ, NUMERIC)
def question_without_its_mark(question: Question, _: Place) -> Question:
    return replace(question, stem=question.stem.replace("?", "."))


@spoils("item_flaws")
def endless_stem(question: Question, _: Place) -> Question:
    return replace(question, stem="Consider all of this. " * 20 + question.stem)


@spoils("item_flaws", MCQ)
def endless_option(question: Question, place: Place) -> Question:
    chosen = _wrong(question, place)
    return _with_options(
        question, lambda each: replace(each, text="word " * 40) if each is chosen else each
    )
