from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.domain.errors import InvalidInputError, NotFoundError
from groundwell.retrieval.synonyms import BUNDLED, SynonymPack, bundled_pack, parse_pack
from groundwell.retrieval.variants import ruled_variants


def found(pack: SynonymPack, query: str) -> list[tuple[str, list[str]]]:
    return [
        (" ".join(match.terms), [each.text for each in match.expansions])
        for match in pack.matches(query)
    ]


def test_a_phrase_is_found_in_any_case_and_form():
    pack = parse_pack('{"RDL": ["Romanian deadlift"], "split squat": ["lunge"]}')
    assert found(pack, "How do rdl and Split Squats differ?") == [
        ("rdl", ["Romanian deadlift"]),
        ("split squat", ["lunge"]),
    ]
    assert found(pack, "RDLs") == [("rdls", ["Romanian deadlift"])]
    assert found(pack, "squat split") == []
    assert found(pack, "") == []


@pytest.mark.parametrize("languages", [("en",), ("de", "en")])
def test_an_abbreviation_that_is_a_stop_word_is_found_in_capitals_only(languages: tuple[str, ...]):
    text = '{"IF": ["intermittent fasting"], "IT band": ["iliotibial band"]}'
    pack = parse_pack(text).read_in(languages)
    assert set(dict(found(pack, "is IF healthy?"))) == {"IF"}
    assert set(dict(found(pack, "IF"))) == {"IF"}
    assert found(pack, "what if it is healthy?") == []
    assert found(pack, "WHAT IF IT IS") == []
    assert found(pack, "bands") == []
    assert found(pack, "a tight IT band")[0] == ("IT band", ["iliotibial band"])
    assert pack.short_forms == {"IF": "intermittent fasting"}


def test_phrases_are_found_in_forms_of_the_collections_languages():
    pack = parse_pack('{"Kniebeuge": {"expansions": ["squat"], "both_ways": true}}')
    assert found(pack, "Kniebeugen") == []
    german = pack.read_in(("de", "en"))
    assert found(german, "Kniebeugen") == [("kniebeug", ["squat"])]
    assert set(dict(found(german, "squats"))) == {"squat"}


def test_a_phrase_that_another_language_does_not_search_is_left_out_of_it():
    german = parse_pack('{"der": ["derivation"], "RDL": ["x1"]}').read_in(("de",))
    assert found(german, "der Ableitung") == []


def test_an_expansion_leads_back_only_where_declared():
    text = '{"RDL": ["Romanian deadlift"], "OHP": {"expansions": ["press"], "both_ways": true}}'
    pack = parse_pack(text)
    assert found(pack, "romanian deadlift") == []
    assert found(pack, "presses") == [("press", ["OHP"])]
    assert found(pack, "ohp") == [("ohp", ["press"])]


def test_both_ways_joins_what_a_phrase_has_already():
    text = (
        '{"press": ["push"], "OHP": {"expansions": ["press", "push"], "both_ways": true},'
        ' "MP": {"expansions": ["press"], "both_ways": true}}'
    )
    pack = parse_pack(text)
    assert found(pack, "press") == [("press", ["push", "OHP", "MP"])]
    assert found(pack, "push") == [("push", ["OHP"])]
    circle = {"expansions": ["bb"], "both_ways": True}
    pack = parse_pack(json.dumps({"aa": circle, "bb": ["AA"]}))
    assert found(pack, "bb") == [("bb", ["AA"])]


def test_phrases_that_lead_to_each_other_do_not_loop():
    pack = parse_pack('{"aa": ["bb"], "bb": ["cc"], "cc": ["aa"]}')
    assert found(pack, "aa bb") == [("aa", ["bb"]), ("bb", ["cc"])]


def test_the_longer_of_two_phrases_is_taken():
    pack = parse_pack('{"press": ["push"], "bench press": ["BP"], "press up bar": ["stand"]}')
    assert found(pack, "bench press up bars") == [("bench press", ["BP"])]
    assert found(pack, "press up bars") == [("press up bar", ["stand"])]
    assert found(pack, "bench presses press") == [("bench press", ["BP"]), ("press", ["push"])]


def test_short_forms_serve_the_rules_for_variants():
    pack = parse_pack('{"RDL": ["Romanian deadlift", "RD"], "bench press": ["BP"]}')
    assert pack.short_forms == {"rdl": "Romanian deadlift"}
    assert ruled_variants("RDL form", pack.short_forms) == ("Romanian deadlift form",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no JSON object"),
        ('[{"a1": ["b1"]}]', "no JSON object"),
        ("{}", "no entries"),
        ('{"RDL": ["x1"], "RDL": ["x2"]}', '"RDL" is given twice, the first time as "RDL"'),
        ('{"squat": ["x1"], "Squats": ["x2"]}', '"Squats" is given twice, the first time as "squ'),
        ('{"the": ["x1"]}', '"the" has no word that is searched, only stop words or none'),
        ('{"if": ["x1"]}', "an abbreviation needs 2 capitals or more"),
        ('{"IF": {"expansions": ["x1"], "both_ways": true}}', '"IF" cannot work both ways'),
        ('{"": ["x1"]}', "no word that is searched"),
        ('{"RDL": ["of"]}', '"of" has no word that is searched'),
        ('{"a1 b1 c1 d1 e1": ["x1"]}', "more than 4 words"),
        ('{"x1": {"expansions": ["a1 b1 c1 d1 e1"], "both_ways": true}}', "more than 4 words"),
        (json.dumps({"x" * 101: ["y1"]}), "longer than 100 characters"),
        ('{"RDL": []}', "0 expansions"),
        (json.dumps({"RDL": [f"x{n}" for n in range(11)]}), "11 expansions"),
        ('{"RDL": "Romanian deadlift"}', "needs a list of texts"),
        ('{"RDL": [1]}', "needs a list of texts"),
        ('{"RDL": null}', "needs a list of texts"),
        ('{"RDL": {"both_ways": true}}', "needs a list of texts"),
        ('{"RDL": {"expansions": ["x1"], "both_ways": 1}}', "true or false"),
        ('{"RDL": {"expansions": ["x1"], "way": 1}}', "fields other than"),
        ('{"low-fat": ["low fats"]}', '"low fats" says the same as "low-fat"'),
        (json.dumps({f"x{n}": ["y1"] for n in range(5001)}), "5001 entries; 5000 is the most"),
        (b"\xff\xfe\x00", "no JSON"),
        (" " * (3 << 20), "larger than 2 MiB"),
    ],
)
def test_a_mistake_in_a_pack_is_named(text: str | bytes, complaint: str):
    with pytest.raises(InvalidInputError) as caught:
        parse_pack(text)
    assert complaint in caught.value.detail
    assert caught.value.code == "invalid_synonyms"


def test_five_thousand_entries_are_taken():
    assert len(parse_pack(json.dumps({f"x{n}": ["y1"] for n in range(5000)}))) == 5000


@given(text=st.text(max_size=50) | st.binary(max_size=50))
def test_anything_else_is_an_error_too(text: str | bytes):
    with pytest.raises(InvalidInputError):
        parse_pack(text)


@given(terms=st.lists(st.sampled_from(["aa", "bb", "cc", "dd"]), max_size=12))
def test_matches_are_in_order_and_do_not_overlap(terms: list[str]):
    pack = parse_pack('{"aa bb": ["x1"], "bb cc aa": ["x2"], "cc": ["x3"], "bb": ["x4"]}')
    left = " ".join(terms)
    for match in pack.matches(left):
        _, phrase, left = left.partition(" ".join(match.terms))
        assert phrase


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_packs_can_be_read(name: str):
    assert len(bundled_pack(name)) >= 60


def test_the_pack_for_strength_training_knows_its_abbreviations():
    pack = bundled_pack("strength_training")
    assert found(pack, "pushups") == [("pushup", ["push-ups"])]
    assert found(pack, "how many push-ups?")[0][1] == ["pushup"]
    assert found(pack, "RDL form") == [("rdl", ["Romanian deadlift"])]
    assert found(pack, "Romanian deadlifts") == [("romanian deadlift", ["RDL"])]
    assert found(pack, "what is my 1RM?")[0][1][0] == "one repetition maximum"


def test_an_unknown_pack_is_not_found():
    with pytest.raises(NotFoundError, match="strength_training"):
        bundled_pack("../secrets")
