"""Configurations on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwell.cli.evaluation.configuration import read_configuration, read_configurations
from groundwell.domain.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("search_type=keyword", {"search_type": "keyword"}),
        (" search_type=hybrid , rerank=true ", {"search_type": "hybrid", "rerank": True}),
        ("threshold=0.25,rerank=false", {"threshold": 0.25, "rerank": False}),
        ('filter={"year": 1990}', {"filter": {"year": 1990}}),
        ("", {}),
        ("default", {}),
    ],
)
def test_options_are_read_as_they_are_meant(text: str, options: dict[str, object]) -> None:
    assert read_configuration(text, {}).options == options


def test_a_name_stands_for_its_options() -> None:
    known = {"words": {"search_type": "keyword"}}
    found = read_configuration("words", known)
    assert (found.name, found.options) == ("words", {"search_type": "keyword"})


@pytest.mark.parametrize("text", ["keyword", "=x", "rerank=", "a=1,,b=2", "a=1,a=2"])
def test_what_is_no_configuration_is_answered_with_how_to_write_one(text: str) -> None:
    with pytest.raises(InvalidInputError, match="Write it like search_type=keyword") as caught:
        read_configuration(text, {"mine": {}})
    assert "default, mine" in caught.value.detail


@pytest.mark.parametrize("key", ["query", "collection", "limit", "explain"])
def test_what_an_evaluation_decides_itself_can_not_be_set(key: str) -> None:
    with pytest.raises(InvalidInputError, match=f"sets {key}, which an evaluation decides"):
        read_configuration(f"{key}=1", {})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.toml", '[words]\nsearch_type = "keyword"\n[all]\nrerank = true\n'),
        ("c.json", '{"words": {"search_type": "keyword"}, "all": {"rerank": true}}'),
    ],
)
def test_named_configurations_come_from_a_file(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert read_configurations(tmp_path / name) == {
        "words": {"search_type": "keyword"},
        "all": {"rerank": True},
    }


@pytest.mark.parametrize("content", ["[", '{"a": 1}', "[1]"])
def test_a_file_that_names_nothing_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(InvalidInputError, match=r"c\.json"):
        read_configurations(tmp_path / "c.json")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"missing\.toml cannot be read"):
        read_configurations(tmp_path / "missing.toml")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", '{"a": [NaN]}'])
def test_numbers_that_are_none_are_refused(value: str) -> None:
    with pytest.raises(InvalidInputError, match="numbers must be finite"):
        read_configuration(f"threshold={value}", {})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.toml", "[mine]\nthreshold = nan"),
        ("c.toml", "[mine]\nfilter = { year = { '$gte' = 2020-01-01 } }"),
        ("c.json", '{"mine": {"threshold": NaN}}'),
        ("c.json", '{"mine": {"category": "\\ud800"}}'),
    ],
)
def test_values_of_a_file_that_can_not_be_sent_are_refused(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidInputError, match="'mine' has a value that a search cannot be sent"):
        read_configuration("mine", read_configurations(tmp_path / name))


@pytest.mark.parametrize("name", ["default", '""'])
def test_the_name_of_no_options_can_not_be_given_to_others(tmp_path: Path, name: str) -> None:
    (tmp_path / "c.toml").write_text(f"[{name}]\nrerank = false")
    with pytest.raises(InvalidInputError, match="which means that no option is set"):
        read_configurations(tmp_path / "c.toml")
