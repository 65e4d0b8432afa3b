"""Sets made of passages: enough to choose from, and nothing that a further passage disproves."""

from __future__ import annotations

from importlib.resources import files
from uuid import NAMESPACE_URL, uuid5

from groundwell.apps.quiz.checks import claims_of
from groundwell.apps.quiz.making import Readings, Workshop, count_told
from groundwell.apps.quiz.questions import Passage, QuizMode
from groundwell.apps.quiz.wanted import Wanted
from groundwell.domain.chunks import ChunkId


def passage(name: str, text: str, start: int = 0) -> Passage:
    chunk = ChunkId(uuid5(NAMESPACE_URL, f"{name}:{start}"))
    return Passage(chunk, name, 1, name, None, None, start, text)


def samples() -> list[Passage]:
    found = []
    for name in ("how-tides-work.md", "silk-road.txt", "sourdough-fermentation.md"):
        text = files("groundwell.samples").joinpath(name).read_text("utf-8")
        start = 0
        for part in text.split("\n\n"):
            found.append(passage(name, part, start))
            start += len(part) + 2
    return found


def workshop(count: int) -> Workshop:
    wanted = Wanted(None, count, count, QuizMode.QUIZ)
    return Workshop(samples(), wanted, frozenset(), Readings())


def test_the_same_passages_give_the_same_set_however_often_it_is_made():
    own = workshop(8)
    made = own.make()
    assert len(made.questions) == 8
    assert own.make() == made == workshop(8).make()


def test_a_question_whose_wrong_answer_another_document_supports_is_replaced():
    own = workshop(8)
    made = own.make()
    claims = own.unproved(made)
    assert claims
    told = {claim: [passage(f"other-{claim}", f"{claim.rstrip('.')}.")] for claim in claims}
    assert own.tell(told)
    again = own.make()
    assert len({each.id for each in again.questions} & {each.id for each in made.questions}) < 8
    # Nobody has looked for the claims of those that took their place.
    assert not set(own.unproved(again)) & set(claims)


def test_passages_that_do_not_bear_on_a_claim_change_nothing():
    own = workshop(8)
    made = own.make()
    assert not own.tell({claim: [passage("bees", "Bees dance.")] for claim in own.unproved(made)})
    assert own.make() == made
    assert own.unproved(made) == []


def test_a_question_that_nobody_looked_up_is_left_out_and_counted():
    own = workshop(8)
    made = own.make()
    claims = own.unproved(made)
    own.tell({claim: [] for claim in claims[:-1]})
    left = [each for each in made.questions if claims[-1] in claims_of(each)]
    settled = own.settle(made)
    assert own.unproved(settled) == []
    assert left[0].id not in {each.id for each in settled.questions}
    assert settled.questions
    assert dict(settled.left_out)["unproved"] == len(left) == 1


def test_a_set_without_what_nobody_looked_up_says_so():
    own = workshop(8)
    made = own.make()
    settled = own.settle(made)
    assert len(settled.questions) < 8
    [note] = [note for note in settled.notes if note.startswith("Left out")]
    assert f"{dict(settled.left_out)['unproved']} that could not be looked up" in note


def test_no_set_has_more_questions_than_sentences_that_tell_something():
    told = count_told(samples(), Readings())
    made = workshop(100).make()
    assert 0 < len(made.questions) <= told
    assert count_told([passage("bees", "Bees dance!")], Readings()) == 0
