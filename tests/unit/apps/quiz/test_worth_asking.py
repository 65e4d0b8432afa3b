"""Faults that readers found in questions, one for each kind."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest

from groundwell.apps.quiz.assembly import assemble
from groundwell.apps.quiz.checks import Evidence, check_question
from groundwell.apps.quiz.facts import FactKind, facts_of
from groundwell.apps.quiz.forms import draft_questions
from groundwell.apps.quiz.questions import Passage, Question, QuestionType, QuizMode
from groundwell.domain.chunks import Floats, chunk_id_for
from groundwell.domain.documents import VersionId


def passage(
    text: str, *, title: str = "", headings: tuple[str, ...] = (), ordinal: int = 0
) -> Passage:
    return Passage(
        chunk_id=chunk_id_for(VersionId(UUID(int=3)), ordinal),
        document_id=title,
        version=1,
        filename="file.md",
        title=title or None,
        page=None,
        char_start=0,
        text=text,
        heading_path=headings,
    )


def kinds(text: str, title: str = "") -> list[FactKind]:
    return [fact.kind for fact in facts_of(passage(text, title=title))]


def drafts(*passages: Passage) -> list[Question]:
    return draft_questions(passages, [f for p in passages for f in facts_of(p)], 1)


def named(questions: Sequence[Question], template: str) -> list[Question]:
    return [each for each in questions if each.template.split("@")[0] == template]


@pytest.mark.parametrize(
    ("text", "term", "meaning"),
    [
        ("These lead to enlargement of the liver (hepatomegaly).", "hepatomegaly",
         "enlargement of the liver"),
        ("They have widely spaced eyes (hypertelorism) from birth.", "hypertelorism",
         "widely spaced eyes"),
        ("Some of them get scoliosis (curvature of the spine) later.", "scoliosis",
         "curvature of the spine"),
        ("The end of a tooth below the gum is called the root.", "root",
         "The end of a tooth below the gum"),
        ("Tests are: - Biopsy : The removal of tissue from an organ. - Others.", "Biopsy",
         "The removal of tissue from an organ"),
    ],
)  # fmt: skip
def test_what_a_text_explains_in_passing_is_a_fact(text: str, term: str, meaning: str):
    found = [fact for fact in facts_of(passage(text)) if fact.kind == FactKind.GLOSS]
    assert len(found) == 1
    assert found[0].subject is not None
    assert found[0].object is not None
    assert text[slice(*found[0].subject)] == term
    assert text[slice(*found[0].object)] == meaning


@pytest.mark.parametrize(
    "text",
    [
        "Angiography (an-jee-OG-rah-fee) shows the vessels of the heart.",
        "The skin and the whites of the eyes (sclera) turn yellow.",
        "They collect fluid in the abdominal cavity (ascites).",
        "Many languages have a similar word (in Finnish) for it.",
        "- Writer: The introduction of the program changed everything.",
    ],
)
def test_brackets_that_explain_nothing_are_no_fact(text: str):
    assert FactKind.GLOSS not in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "Skin ulcer 90% Scarring of the skin 50% The ontology of the glaciers says this often.",
        "The glaciers of the valley are recedingand the moraine remains at their sides.",
        "Glaciers of the valley that are 65 metres thick or even thicker.",
        "Glaciers Glaciers move in three ways that all of the towns below can see.",
        "3.Passwords of the glaciers contain at least eight letters of the alphabet.",
    ],
)
def test_torn_text_gives_no_fact(text: str):
    assert kinds(text, title="Glaciers") == []


@pytest.mark.parametrize(
    "text",
    [
        "## Steps\n1. SELECTION OF PROVIDERS4-18\n2. SYSTEM SECURITY4-19\n3. REMOTE ACCESS4-22\n",
        "## The process\n1. Equality: all count.\n2. Freedom: all act.\n3. Age: all grow.\n",
    ],
)
def test_a_numbered_list_of_names_is_no_sequence(text: str):
    assert FactKind.STEPS not in kinds(text)


def test_neither_the_topic_nor_a_part_of_a_phrase_is_a_gap():
    text = (
        "Genetic tests can confirm the diagnosis of Apert syndrome in most families. "
        "Individuals with Carney complex are at risk of tumors called myxomas in the heart. "
        "Growth of the brain is characteristic of MCAP in all of the families."
    )
    title = "Apert syndrome"
    answers = {each.answer for each in drafts(passage(text, title=title))}
    assert answers.isdisjoint({"Apert syndrome", "Carney"})
    macro = passage(text, title="megalencephaly-capillary malformation")
    assert "MCAP" not in {each.answer for each in drafts(macro)}


DISEASES = (
    "Silicosis is a chronic lung disease that is found in miners of hard rock.",
    "Rickets is a bone disease that children get from too little sun.",
    "Scurvy is a bleeding disease that sailors got from months of salted meat.",
    "Beriberi is a nerve disease that comes with a diet of polished rice.",
)
CAUSES = (
    "Silicosis is caused by dust of quartz in the lungs.",
    "Rickets is caused by a lack of sunlight on the skin.",
    "Scurvy is caused by a diet of salted meat and bread.",
)


def about(sentences: Sequence[str]) -> list[Passage]:
    return [
        passage(text, title=text.split()[0], ordinal=ordinal)
        for ordinal, text in enumerate(sentences)
    ]


def test_definitions_of_other_things_are_wrong_answers_to_what_one_is():
    passages = about(DISEASES)
    made = named(drafts(*passages), "what-is")
    assert [each.stem for each in made[:1]] == ["What is silicosis?"]
    assert made[0].answer == "a chronic lung disease that is found in miners of hard rock"
    evidence = Evidence(passages)
    assert all(not check_question(each, evidence).failures for each in made)


def test_causes_of_other_things_are_wrong_answers_to_what_one_comes_of():
    passages = about(CAUSES)
    made = named(drafts(*passages), "what-causes")
    assert {each.stem for each in made} == {
        "What is silicosis caused by?",
        "What is rickets caused by?",
        "What is scurvy caused by?",
    }
    assert all(not check_question(each, Evidence(passages)).failures for each in made)


def test_one_word_turned_round_makes_a_statement_false():
    text = "Warm air in a valley rises since it is less dense than the cold air of the mountains."
    made = drafts(passage(text, title="Air"))
    false, true = named(made, "false-opposite")[0], named(made, "true-statement")[0]
    assert (false.answer, true.answer) == ("False", "True")
    assert "more dense" in false.stem
    assert "less dense" in true.stem


@pytest.mark.parametrize(
    "text",
    [
        "Firn of the high valleys may lie below the fresh snow of the northern stations.",
        "Firn of the valleys takes an increased amount of the summer's heat from stations.",
    ],
)
def test_what_may_be_or_betrays_itself_is_not_turned_round(text: str):
    assert not named(drafts(passage(text, title="Firn")), "false-opposite")


def test_nobody_is_asked_who_must_do_something():
    text = (
        "Silicosis must be reported to the office of the miners within a month. "
        "Rickets is treated with sunlight and oil from the liver of fish in winter."
    )
    made = drafts(passage(text, title="Silicosis and Rickets"))
    asked = [each for each in made if each.type in {QuestionType.MCQ, QuestionType.SHORT}]
    assert not [each for each in asked if "must be reported" in each.claim and not each.value]


def test_wrong_answers_of_another_kind_altogether_are_left_out():
    passages = about(DISEASES)
    facts = [fact for each in passages for fact in facts_of(each)]

    def strangers(texts: Sequence[str]) -> Floats:
        return np.eye(len(texts), dtype=np.float32)

    assert named(drafts(*passages), "which-definition")
    assert not named(draft_questions(passages, facts, 1, strangers), "which-definition")


@pytest.mark.parametrize("heading", ["Chapter 6", "B. Firn and ice", "2.1. Firn and ice"])
def test_context_is_a_name_without_its_number(heading: str):
    text = "Scientists of Zurich measured 40 metres of loss in the cold summer of the decade."
    made = drafts(passage(text, headings=(heading, "Firn and ice")))
    numbers = [each.stem for each in made if each.type is QuestionType.NUMERIC]
    assert numbers
    assert numbers[0].startswith("According to “Firn and ice”")


def test_each_row_of_a_table_can_be_asked_about():
    text = (
        "| Planet | Moons | Radius (km) |\n|---|---|---|\n| Mars | 2 | 3390 |\n"
        "| Jupiter | 95 | 69911 |\n| Saturn | 146 | 58232 |\n| Neptune | 16 | 24622 |\n"
    )
    planets = passage(text, title="Planets")
    checked = [check_question(each, Evidence([planets])) for each in drafts(planets)]
    made = assemble(checked, asked=25, mode=QuizMode.QUIZ, seed=1).questions
    cells = {each.claim for each in made if each.template.startswith("table-value")}
    assert cells == {f"{name}: {{}}" for name in ("Mars", "Jupiter", "Saturn", "Neptune")}


def test_what_is_said_of_a_kind_is_not_called_false_of_one_of_it():
    text = (
        "Ducks are mostly aquatic birds with broad bills and short legs. "
        "Stifftails are small diving birds with stiff tails and broad bills."
    )
    made = named(drafts(passage(text, title="Ducks")), "false-subject")
    assert not [each for each in made if "Stifftails are mostly aquatic" in each.stem]


@pytest.mark.parametrize("bound", ["more than", "at least", "up to"])
def test_a_number_that_bounds_is_not_replaced_by_another(bound: str):
    text = (
        f"The Gorner glacier holds {bound} 75 percent of the ice of the valley of Zermatt. "
        "The Findel glacier holds 25 percent of the ice of the valley of Zermatt today."
    )
    made = named(drafts(passage(text, title="Gorner glacier")), "false-number")
    assert not [each for each in made if f"{bound} 25" in each.stem]


def test_a_number_that_was_told_of_before_is_no_fact():
    text = "Glaciers beyond the 25% limit of Zermatt are measured by the guides of the valley."
    assert FactKind.QUANTITY not in kinds(text, title="Glaciers")
    assert FactKind.QUANTITY in kinds(text.replace("the 25% limit", "25% loss"), title="Glaciers")


def test_what_is_usual_is_not_asked_of_things_in_other_documents():
    passages = about(
        [text.replace(" is a", " usually is a", 1) for text in DISEASES[:1]] + list(DISEASES[1:])
    )
    assert not [each for each in drafts(*passages) if "usually" in each.claim and each.options]


METALS = (
    "element: Iron | symbol: Fe | melts at: 1538\n"
    "element: Copper | symbol: Cu | melts at: 1085\n"
    "element: Gold | symbol: Au | melts at: unknown\n"
    "element: Lead | symbol: Pb | melts at: 327\n"
    "element: Zinc | symbol: Zn | melts at: 420\n"
    "element: Helium | symbol: He | melts at: 2 or less\n"
)


@pytest.mark.parametrize("title", ["", "metals.csv"])
def test_a_table_without_a_title_is_named_by_its_file(title: str):
    table = replace(passage(METALS, title=title), filename="metals.csv")
    made = named(drafts(table), "table-value")
    [iron] = [each for each in made if "symbol" in each.stem and "Iron" in each.stem]
    asked = (
        "According to the table in the file “metals.csv”, what stands under “symbol” for “Iron”?"
    )
    assert iron.stem == asked
    matching = next(iter(named(drafts(table), "match-rows")))
    assert matching.stem.startswith("Match each item from the file “metals.csv” with")
    evidence = Evidence([table])
    assert [check_question(each, evidence).failures for each in (iron, matching)] == [(), ()]


def test_cells_of_another_kind_than_the_column_s_are_no_options():
    melting = [
        each
        for each in named(drafts(passage(METALS, title="Metals")), "table-value")
        if "melts at" in each.stem
    ]
    assert {each.answer for each in melting} == {"1538", "1085", "327", "420"}
    for each in melting:
        assert all(option.text.isdigit() for option in each.options)


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("The following beliefs are all false.\n\n- {}\n- {}", ""),
        ("- {}\n- {}", "Some widespread misconceptions:\n\n- Bats are blind.\n"),
        ("Many people still believe these myths. {} {}", ""),
    ],
)
def test_what_a_text_calls_false_is_not_asked(text: str, lead: str):
    told = (
        "The Great Wall of China was finished in 1423 by one emperor.",
        "Napoleon Bonaparte was a very short man of his time.",
    )
    after = "\n\nThe castle of Rhodes was built in 1309 by a military order."
    believed = replace(passage(text.format(*told) + after, title="Beliefs"), lead=lead)
    quotes = {believed.text[slice(*fact.quote)] for fact in facts_of(believed)}
    assert quotes == {after.strip()}
    plain = passage("These alarms can be false alarms. " + " ".join(told), title="Beliefs")
    quotes = {plain.text[slice(*fact.quote)] for fact in facts_of(plain)}
    assert set(told) <= quotes


@pytest.mark.parametrize(
    "text",
    [
        "Lavoisier refuted him in 1783 with a balance of brass.",
        "Lavoisier wrote to her in 1783 about the garden.",
    ],
)
def test_a_person_as_an_object_needs_a_second_name(text: str):
    assert kinds(text, "Chemistry") == []
    assert kinds(f"Priestley lived in Leeds when {text}", "Chemistry")
    assert kinds("Lavoisier sold her estate in 1783 to a neighbour.", "Chemistry")


def test_a_quote_has_both_ends_of_its_emphasis():
    text = (
        "- **Semidiurnal** tides bring two high waters each lunar day.\n"
        "- The **neap tides of the Baltic bring weak currents.** They turn.\n"
        "- **Spring tides bring strong currents to the narrow channels.**\n"
    )
    quotes = {each.source.quote for each in drafts(passage(text, title="Tides"))}
    assert "**Semidiurnal** tides bring two high waters each lunar day." in quotes
    assert quotes
    assert all(quote.count("**") % 2 == 0 for quote in quotes)


@pytest.mark.parametrize("language", ["en", "de"])
def test_degrees_are_a_unit_with_their_scale(language: str):
    text = {
        "en": "Water leaves the spring at a temperature of 35 °C. "
        "Water reaches the sea at a temperature of 4 °C.",
        "de": "Im heißen Sommer erreicht das flache Wasser des großen Sees am Ufer 35 °C. "
        "Im kalten Winter hat das tiefe Wasser des großen Sees am Boden 4 °C.",
    }[language]
    lake = replace(passage(text, title="Water"), language=language)
    found = [fact for fact in facts_of(lake) if fact.kind == FactKind.QUANTITY]
    units = [text[slice(*fact.unit)] for fact in found if fact.unit]
    assert units == ["°C", "°C"]
    assert len({fact.quote for fact in found}) == 2
    typed = named(drafts(lake), "number")
    assert {each.answer for each in typed} == {"35 °C", "4 °C"}
