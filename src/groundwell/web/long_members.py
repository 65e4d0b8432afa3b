"""Checking the long lists and objects of large bodies, member by member.

The library that checks a body lets nobody else have a turn until it is through with it, on
whatever thread. What it has made of a member before, it takes as it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from groundwell.web.problems import MOST_FIELD_PROBLEMS


class LongMembers:
    """The fields of a body that are lists of objects, or objects of any names."""

    def __init__(self, body: object) -> None:
        self._lists: dict[str, type[BaseModel]] = {}
        self._objects: dict[str, TypeAdapter[Any]] = {}
        if not (isinstance(body, type) and issubclass(body, BaseModel)):
            return
        for name, field in body.model_fields.items():
            kind, parts = get_origin(field.annotation), get_args(field.annotation)
            if kind is dict:
                self._objects[name] = TypeAdapter(parts[1])
            elif kind is list and isinstance(parts[0], type) and issubclass(parts[0], BaseModel):
                self._lists[name] = parts[0]

    def check_ahead(self, body: Any) -> Any:  # noqa: ANN401 - what a client sent
        """The body with members that are checked. Those that are wrong stay as they were sent.

        The check of the whole names their places then, and as many of them as are told.
        """
        if not isinstance(body, dict):
            return body
        for name, model in self._lists.items():
            if isinstance(given := body.get(name), list):
                checked = _checked(TypeAdapter(model), enumerate(given))
                # Of more mistakes nobody is told: those members only count.
                rest = [model.model_construct()] * (len(given) - len(checked))
                body[name] = [*checked.values(), *rest]
        for name, adapter in self._objects.items():
            if isinstance(given := body.get(name), dict):
                body[name] = _checked(adapter, given.items())
        return body


def _checked(
    adapter: TypeAdapter[Any], members: Iterable[tuple[Hashable, object]]
) -> dict[Hashable, object]:
    """What is made of the members, until more are wrong than are told."""
    checked: dict[Hashable, object] = {}
    wrong = 0
    for place, member in members:
        checked[place] = member
        try:
            checked[place] = adapter.validate_python(member)
        except ValidationError as error:
            wrong += error.error_count()
            if wrong >= MOST_FIELD_PROBLEMS:
                break
    return checked
