"""Wrong answers: of the right one's kind, wrong beyond doubt, and written as it is."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import pytest

from groundwell.apps.quiz.checks import Evidence, check_question
from groundwell.apps.quiz.facts import facts_of
from groundwell.apps.quiz.forms import draft_questions
from groundwell.apps.quiz.forms.amounts import amounts_near, size_of
from groundwell.apps.quiz.questions import Passage, Question
from groundwell.domain.chunks import chunk_id_for
from groundwell.domain.documents import VersionId


def passages_of(*texts: str) -> list[Passage]:
    """A document each, whose title is its first word."""
    return [
        Passage(
            chunk_id=chunk_id_for(VersionId(UUID(int=5)), ordinal),
            document_id=text.split()[0],
            version=1,
            filename="file.md",
            title=text.split()[0],
            page=None,
            char_start=0,
            text=text,
        )
        for ordinal, text in enumerate(texts)
    ]


def drafts(passages: Sequence[Passage]) -> list[Question]:
    return draft_questions(passages, [fact for each in passages for fact in facts_of(each)], 1)


def right(passages: Sequence[Passage], template: str) -> list[Question]:
    """The drafts of a template that pass all checks."""
    evidence = Evidence(passages)
    made = [each for each in drafts(passages) if each.template.split("@")[0] == template]
    return [each for each in made if not check_question(each, evidence).failures]


@pytest.mark.parametrize(
    ("denied", "said"),
    [
        ("Moraines are not shaped by the rivers of wide valleys.", "Moraines are shaped by the"),
        ("Firn does not carry debris to the end of the valley.", "Firn carries debris to the end"),
        ("Eskers do not melt in summers of the high valleys.", "Eskers melt in summers of the"),
        ("Seracs cannot stand for years above the icefall.", "Seracs can stand for years"),
    ],
)
def test_what_a_sentence_denies_is_false(denied: str, said: str):
    (question,) = right(passages_of(denied), "false-denied")
    assert question.answer == "False"
    assert said in question.stem


@pytest.mark.parametrize(
    "text",
    [
        "Moraines are not only shaped by the rivers of the valley.",
        "Moraines may not be shaped by the rivers of the valley.",
        "Moraines are not shaped by rivers until the ice of the valley is gone.",
        "Moraines that are old are not shaped by the rivers of the valley.",
    ],
)
def test_what_is_denied_in_part_is_not_called_false(text: str):
    assert not right(passages_of(text), "false-denied")


@pytest.mark.parametrize(
    ("number", "value", "unit", "others"),
    [
        ("1,300", 1300.0, "people", {"390", "580", "870", "2,000", "2,900", "4,400"}),
        ("three", 3.0, "types", {"two", "four", "five", "six"}),
        ("2.5", 2.5, "cm", {"0.7", "1.1", "1.7", "3.8", "5.6", "8.4"}),
        ("60", 60.0, "%", {"18", "27", "40", "80", "90", "95"}),
        ("1911", 1911.0, "year", {"1853", "1870", "1888", "1930", "1948", "1967"}),
    ],
)
def test_made_up_numbers_are_written_as_the_right_one_is(
    number: str, value: float, unit: str, others: set[str]
):
    made = {text for seed in range(20) for text in amounts_near(number, value, unit, 3, seed)}
    assert made == others
    assert all(len(amounts_near(number, value, unit, 3, seed)) == 3 for seed in range(20))


@pytest.mark.parametrize(
    ("number", "value", "unit", "told"),
    [
        ("1,300", 1300.0, "people", {}),
        ("1,300", 1300.0, "people", {900.0: "900", 1000.0: "1,000", 1700.0: "1,700"}),
        ("2.5", 2.5, "cm", {3.5: "3.5", 4.5: "4.5", 5.5: "5.5"}),
        ("25", 25.0, "%", {10.0: "10", 40.0: "40"}),
        ("1842", 1842.0, "year", {1840.0: "1840", 1851.0: "1851", 1860.0: "1860"}),
        ("1986", 1986.0, "year", {}),
        ("five", 5.0, "types", {}),
        ("nine", 9.0, "types", {11.0: "11"}),
    ],
)
def test_the_right_number_is_the_least_or_the_largest_as_often_as_one_between(
    number: str, value: float, unit: str, told: dict[float, str]
):
    places: Counter[int] = Counter()
    for seed in range(400):
        others = amounts_near(number, value, unit, 3, seed, told)
        assert len({number, *others}) == 4
        places[sum(size_of(text) < value for text in others)] += 1
    assert sorted(places) == [0, 1, 2, 3]
    assert all(70 <= often <= 130 for often in places.values())


def test_years_that_the_text_does_not_reach_are_not_made_up():
    def made(told: dict[float, str]) -> set[str]:
        return {y for n in range(40) for y in amounts_near("1996", 1996.0, "year", 3, n, told)}

    assert made({}) == {"1938", "1955", "1973"}
    assert made({2150.0: "2150"}) == {"1938", "1955", "1973", "2015", "2033", "2052"}


def test_numbers_of_the_text_come_before_numbers_that_nobody_wrote():
    told = {900.0: "900", 1000.0: "1,000", 1700.0: "1,700", 2100.0: "2,100", 2500.0: "2,500"}
    made = {
        text for seed in range(20) for text in amounts_near("1,300", 1300.0, "km", 3, seed, told)
    }
    # Below it only two are told; so a third is made up, not too near them.
    assert made == {"580", *told.values()}
    kept = amounts_near("1,300", 1300.0, "km", 3, 1, told, taken="Not 1,000 but 1,700 km of wire.")
    assert not {"1,000", "1,700"} & set(kept)


def test_a_share_that_the_other_shares_of_the_sentence_leave_over_is_not_asked():
    told = "Glaciers hold 70 percent of the fresh water of the island, lakes hold {} percent of it."
    whole, part = (drafts(passages_of(told.format(rest))) for rest in (30, 20))
    assert not [each for each in whole if "number" in each.template]
    assert [each for each in part if "number" in each.template]


def test_a_number_that_is_told_roughly_has_no_wrong_ones_near_it():
    passages = passages_of(
        "Glaciers of the north lose about 10 metres of ice in every summer of the decade. "
        "Glaciers of the south lose 12 metres of ice in every summer of the decade."
    )
    made = {each.answer: each for each in drafts(passages) if "which-number" in each.template}
    assert "12" not in {option.text for option in made["10"].options}
    assert "10" in {option.text for option in made["12"].options}


def test_a_label_in_bold_before_a_sentence_is_no_part_of_it():
    text = (
        "Glaciers move in two ways.\n\n"
        "**Slip.** Glaciers of the valley usually carry debris of high mountains to the lake."
    )
    stems = [each.stem for each in drafts(passages_of(text))]
    assert any("“Glaciers of the valley" in stem for stem in stems)
    assert not any("Slip." in stem for stem in stems)


def test_the_longest_of_all_is_not_called_the_shortest_but_longer_than_others():
    of_one = "Glaciers of Alaska are the longest of the land, longer than rivers of other valleys."
    of_two = "Glaciers of Alaska are the longest of the land, thicker than towers of big towns."
    assert not right(passages_of(of_one), "false-opposite")
    assert right(passages_of(of_two), "false-opposite")


@pytest.mark.parametrize(
    "order",
    [
        "If a crevasse opens ahead, tighten the rope between the climbers of the team.",
        "To estimate the speed of a glacier, count the stakes that have passed the rock.",
    ],
)
def test_an_order_after_its_condition_is_neither_true_nor_false(order: str):
    assert not drafts(passages_of(f"Glaciers\n\n{order}"))


def test_what_is_named_after_somebody_is_not_named_before_him():
    named = "The glacier of the valley was named after the climber Ernst Gletscher of Bern."
    grown = "Glaciers of the valley melt rapidly in the sun after a long winter of the mountains."
    assert not right(passages_of(named), "false-opposite")
    assert right(passages_of(grown), "false-opposite")


def test_another_thing_of_the_same_noun_makes_a_statement_false():
    passages = passages_of(
        "Glaciers keep their melted ice in a meltwater lake below the high snow. "
        "Glaciers carry stones of the summits to a moraine lake beside the river."
    )
    stems = [each.stem for each in right(passages, "false-phrase")]
    assert any("in a moraine lake below the high snow" in stem for stem in stems)


def test_a_procedure_is_no_wrong_answer_to_a_condition():
    passages = passages_of(
        "Glaciology uses a method in which ice is melted by a lamp (cryoscopy). "
        "It is a method in which snow is weighed in a tube (nivoscopy). "
        "It is a method in which light is sent through the ice (glacioscopy). "
        "Crews get a swelling of the fingers from the cold (pernionosis)."
    )
    made = [each for each in drafts(passages) if each.template == "which-called"]
    assert {each.answer for each in made} <= {"Cryoscopy", "Nivoscopy", "Glacioscopy"}
    assert all("Pernionosis" not in {o.text for o in each.options} for each in made)


def test_how_often_is_turned_round_but_not_what_the_sentence_is_about():
    passages = passages_of(
        "Glaciers usually reach the sea in winters of the northern valleys. "
        "High glaciers carry debris of the mountains to the valley in summer."
    )
    stems = [each.stem for each in right(passages, "false-opposite")]
    assert any("Glaciers rarely reach the sea" in stem for stem in stems)
    assert not any("Low glaciers" in stem for stem in stems)


def test_a_title_in_other_words_is_no_statement_to_judge():
    text = "Glacier ice is an ice that a glacier carries down to the valley of glacier ice."
    assert not right(passages_of(text), "true-statement")
