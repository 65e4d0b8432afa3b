"""What is wrong with a large body is told as if it had been checked as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from groundwell.web.long_members import LongMembers
from groundwell.web.problems import MOST_FIELD_PROBLEMS


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    weights: list[float] = Field(default_factory=list)


class Body(BaseModel):
    title: str
    items: list[Item] = Field(default_factory=list, max_length=1_000)
    words: dict[str, list[str] | Item] = Field(default_factory=dict)


MEMBERS = LongMembers(Body)
GOOD = {"name": "x", "weights": [1.5]}


def told(body: object) -> list[tuple[object, str]]:
    with pytest.raises(ValidationError) as caught:
        Body.model_validate(body)
    errors = caught.value.errors()[:MOST_FIELD_PROBLEMS]
    return [(error["loc"], error["type"]) for error in errors]


WRONG: dict[str, Any] = {
    "one far inside": {"items": [GOOD] * 700 + [{"name": "x", "weights": [1, "a"]}] + [GOOD] * 9},
    "all": {"items": [3] * 900},
    "some, and the title": {"title": 1, "items": [GOOD, {"nome": "x"}] * 40},
    "too many": {"items": [3] * 5_000},
    "too many good ones": {"items": [GOOD] * 1_001},
    "no list": {"items": {"name": "x"}},
    "a word": {"words": {"a": ["b"], "c": [1], "d": GOOD}},
    "all words": {"words": {str(number): [1, 2] for number in range(500)}},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_mistakes_have_the_same_places_in_the_same_order(wrong: dict[str, Any]) -> None:
    expected = told({"title": "t"} | wrong)
    assert told(MEMBERS.check_ahead({"title": "t"} | wrong)) == expected


def test_good_members_are_taken_as_they_are() -> None:
    body = {"title": "t", "items": [GOOD] * 3, "words": {"a": ["b"], "c": GOOD}}
    expected = Body.model_validate(body)
    checked = MEMBERS.check_ahead(dict(body))
    assert all(isinstance(item, Item) for item in checked["items"])
    assert Body.model_validate(checked) == expected


@pytest.mark.parametrize("body", [[GOOD], None, "text", 3])
def test_a_body_that_is_no_object_is_left_alone(body: object) -> None:
    assert MEMBERS.check_ahead(body) == body
    assert LongMembers(None).check_ahead({"items": body}) == {"items": body}
