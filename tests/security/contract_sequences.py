"""What is made, read, changed and removed in one go, by schemathesis.

The answer to a step names what the next ones are about. Which operation can follow which is read
from the OpenAPI document by the names of fields and parameters.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import CaseNode, ScenarioRecorder
from schemathesis.specs.openapi.schemas import OpenApiSchema
from tests.security.contract import (
    Report,
    bounded,
    configuration,
    is_failure,
    only_new_requests,
)
from tests.security.contract_app import Running, running_app
from tests.security.seed import IS_LONG, SEED, tell

# Over the whole document, and over what can be removed alone, where more of them lead to an end.
WIDE, DEEP = (400, 1600) if IS_LONG else (40, 160)
# Chance decides whether anything is read after it was removed: with other seeds until it was.
MOST_ROUNDS = 5
_ID = re.compile(r'"id":"([^"]+)"')
# The check that what a step made is there for the next.
_FOLLOWS = "ensure_resource_availability"


@dataclass
class Sequences:
    """What was seen: operations that read what was just made, and what was just removed."""

    report: Report = field(default_factory=Report)
    steps: int = 0
    after_creation: Counter[str] = field(default_factory=Counter)
    after_removal: Counter[str] = field(default_factory=Counter)

    def follow(self, schema: OpenApiSchema) -> None:
        """Walk through the schema's operations."""
        for event in from_schema(schema).execute():
            self.note(event)

    def note(self, event: events.EngineEvent) -> None:
        self.report.note(event)
        if isinstance(event, events.ScenarioFinished):
            recorder = event.recorder
            self.steps += len(recorder.cases)
            for node in recorder.cases.values():
                if node.value.method == "GET" and node.parent_id is not None:
                    self._note_reading(node, recorder)

    def _note_reading(self, node: CaseNode, recorder: ScenarioRecorder) -> None:
        made = recorder.cases[node.parent_id or ""]
        if made.value.method != "POST" or not _is_done(made, recorder):
            return
        self.after_creation[node.value.operation.label] += 1
        before = list(recorder.cases.values())
        for other in before[: before.index(node)]:
            is_about_it = other.parent_id == node.parent_id and _is_below(node, other)
            if other.value.method == "DELETE" and is_about_it and _is_done(other, recorder):
                self.after_removal[node.value.operation.label] += 1
                return


def _is_done(node: CaseNode, recorder: ScenarioRecorder) -> bool:
    response = recorder.interactions[node.value.id].response
    return response is not None and response.status_code < 300


def _is_below(node: CaseNode, other: CaseNode) -> bool:
    return node.value.formatted_path.startswith(other.value.formatted_path)


@dataclass
class Belongings:
    """What was made, and what went with what it belonged to, as keys with their user."""

    made: dict[str, str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    def note(self, case: schemathesis.Case, response: schemathesis.Response) -> None:
        """Take an answer into account."""
        if response.status_code >= 300:
            return
        if case.method == "DELETE":
            self.removed.update(map(str, case.path_parameters.values()))
        if case.method == "POST" and (match := _ID.search(response.text)):
            self.made[match[1]] = response.text

    def has_gone(self, case: schemathesis.Case) -> bool:
        """Whether something was removed that the maker's answer named beside the thing itself."""
        ids = set(map(str, case.path_parameters.values()))
        answers = [self.made[name] for name in ids if name in self.made]
        return any(name in answer for answer in answers for name in self.removed - ids)


def follow_links(database_url: str, data_dir: Path) -> Sequences:
    """Walk through the whole API from answer to request, and say what was seen."""
    seen = Sequences()
    with running_app(database_url, data_dir) as running, only_new_requests():
        everything = _fit_for_sequences(running.app.openapi())
        removable = _of_what_can_be_removed(everything)
        seen.follow(_load(running, everything, WIDE, SEED))
        rounds = 0
        while rounds < MOST_ROUNDS and (rounds == 0 or not seen.after_removal):
            seen.follow(_load(running, removable, DEEP, SEED + rounds))
            rounds += 1
    tell(
        f"{WIDE + DEEP * rounds} sequences, {seen.steps} steps; "
        f"{seen.after_creation.total()} times read what was just made, "
        f"{seen.after_removal.total()} times what was just removed, "
        f"{len(seen.report.failures)} failures"
    )
    return seen


def _load(running: Running, document: dict[str, Any], count: int, seed: int) -> OpenApiSchema:
    config = configuration(running.key, ("stateful",), count, seed)
    schema = schemathesis.openapi.from_dict(document, config=config)
    schema.app = running.app

    @schema.hook
    def map_case(context: object, case: schemathesis.Case) -> schemathesis.Case:  # noqa: ARG001 - the library's names
        return running.estate.sparing(case)

    belongings = Belongings()

    @schema.hook
    def after_call(  # noqa: ANN202 - read by the library
        context: object,  # noqa: ARG001 - the library's names
        case: schemathesis.Case,
        response: schemathesis.Response,
    ):
        belongings.note(case, response)

    @schema.hook
    def filter_failure(  # noqa: ANN202 - read by the library
        context: object,  # noqa: ARG001 - the library's names
        failure: Failure,
        case: schemathesis.Case,
        response: Any,  # noqa: ANN401 - the library's
    ):
        is_elsewhere = case.id in running.estate.renamed or belongings.has_gone(case)
        if _FOLLOWS in failure.checks and is_elsewhere:
            return False
        return is_failure(failure, case, response)

    return schema


def _fit_for_sequences(document: dict[str, Any]) -> dict[str, Any]:
    """One address for each operation, and parameters that must be there only.

    Schemathesis cannot know that what is removed at a short address is gone at the long one. And it
    expects something to be there only where nothing besides its name was said: a made-up collection
    would be another place.
    """
    document = bounded(document)
    paths: dict[str, Any] = document["paths"]
    document["paths"] = {path: paths[path] for path in paths if f"/api/v1{path}" not in paths}
    for methods in document["paths"].values():
        for operation in methods.values():
            parameters = operation.get("parameters", [])
            operation["parameters"] = [one for one in parameters if one.get("required")]
    return document


def _of_what_can_be_removed(document: dict[str, Any]) -> dict[str, Any]:
    """What makes, reads and removes a thing that has an address: all of it follows each other."""
    paths: dict[str, dict[str, Any]] = {}
    for path, methods in document["paths"].items():
        made_at = path.rpartition("/")[0]
        if "delete" in methods and "post" in document["paths"].get(made_at, {}):
            paths[made_at] = {"post": document["paths"][made_at]["post"]}
            paths[path] = {name: methods[name] for name in ("get", "delete") if name in methods}
    return {**copy.deepcopy(document), "paths": copy.deepcopy(paths)}
