"""Every operation of the OpenAPI document against the running app, by schemathesis.

All its checks are on. Valid requests are made of the document and must be accepted; requests that
break it must be refused; every answer must be one that the document tells: status, headers, content
type, body.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import hypothesis
import orjson
import schemathesis
from hypothesis import Phase
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.schemas import OpenApiSchema
from tests.security.contract_app import Running, running_app
from tests.security.seed import IS_LONG, SEED, tell

from groundwell.domain.media_types import MediaType

CASES = 2000 if IS_LONG else 200
MOST_ITEMS = 1000
MOST_CHARACTERS = 200
MOST_STEPS = 12

# Refusals that depend on more than the request, or on a rule that JSON Schema has no words for, by
# check, end of the address and code of the answer. Any other refusal there is a failure.
REASONS: dict[tuple[str, str, str], str] = {
    ("unsupported_method", "/users/me", "validation_failed"): "is also one of /users/{user_id}",
    ("positive_data_acceptance", "/evals/runs", "invalid_weights"): "needs the server's weights",
    ("positive_data_acceptance", "/search", "invalid_weights"): "needs the server's weights",
    ("positive_data_acceptance", "/context", "invalid_weights"): "needs the server's weights",
    **{
        ("positive_data_acceptance", path, "filter_too_large"): "counts over the whole filter"
        for path in ("/evals/runs", "/search", "/context", "/ask", "/questions/generate")
    },
    ("positive_data_acceptance", "/documents", "empty_file"): "spaces alone are none",
    ("positive_data_acceptance", "/content", "empty_file"): "spaces alone are none",
    ("positive_data_acceptance", "/documents", "unsupported_type"): "the content tells the type",
    ("positive_data_acceptance", "/uploads", "unsupported_type"): "the name may tell the type",
    ("positive_data_acceptance", "/uploads", "too_large"): "how large is a setting",
    ("positive_data_acceptance", "/content", "type_mismatch"): "the content tells the type",
    ("positive_data_acceptance", "/content", "size_mismatch"): "the size was announced",
    ("positive_data_acceptance", "/documents", "url_refused"): "the hosts are a setting",
    ("positive_data_acceptance", "/batch", "url_refused"): "the hosts are a setting",
    ("positive_data_acceptance", "/documents", "unknown_user"): "the users are in the database",
    ("positive_data_acceptance", "/batch", "unknown_user"): "the users are in the database",
    ("positive_data_acceptance", "/{document_id}", "unknown_user"): "the users are in the database",
    ("positive_data_acceptance", "/synonyms", "invalid_synonyms"): "needs the list of stop words",
    ("positive_data_acceptance", "/batch", "duplicate_id"): "ids are unique, items are not",
    ("positive_data_acceptance", "/evals/sets", "invalid_judgements"): "the same, of documents",
    ("positive_data_acceptance", "/keys", "already_expired"): "needs the time",
    ("positive_data_acceptance", "/export", "invalid_export"): "one of two parameters, not both",
    ("ensure_resource_availability", "/synonyms", "pack_not_found"): "is about the body's pack",
    ("ensure_resource_availability", "/content", "content_not_available"): "has not come yet",
    ("positive_data_acceptance", "/generate", "reserved_metadata"): "compares two fields",
}


@schemathesis.serializer(*MediaType)
def _as_it_is(_: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else orjson.dumps(value)


@schemathesis.serializer("application/x-ndjson")
def _as_lines(_: object, value: object) -> bytes:
    items = value if isinstance(value, list) else [value]
    return b"\n".join(orjson.dumps(item) for item in items)


def bounded(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of the document of which requests of a bearable size are made up."""
    document = copy.deepcopy(document)
    # What is made up at random from a grammar that nests grows without end. A filter in a filter
    # has conditions only, and a condition in a condition no other; deeper ones have their tests.
    schemas = document["components"]["schemas"]
    schemas["FilterPart"]["properties"] = {}
    condition = schemas["FilterCondition"]
    innermost = {name: part for name, part in condition["properties"].items() if name != "$not"}
    condition["properties"]["$not"] = {**condition, "properties": innermost}
    # So are lists of many thousand items, which would be refused for their size alone.
    for schema in schemas.values():
        for part in schema.get("properties", {}).values():
            if part.get("maxItems", 0) > MOST_ITEMS:
                del part["maxItems"]
    return document


def _without_long_texts(part: object) -> None:
    """Drop all bounds on lengths that no text made up at random comes near to.

    With its pattern, such a bound becomes a machine of ten thousand states, which schemathesis
    builds anew for many requests. It has tried the text of that length and the next before.
    """
    if isinstance(part, dict):
        length = part.get("maxLength")
        if isinstance(length, int) and length > MOST_CHARACTERS:
            del part["maxLength"]
        for inner in part.values():
            _without_long_texts(inner)
    elif isinstance(part, list):
        for inner in part:
            _without_long_texts(inner)


@dataclass
class Report:
    """What a run has seen: `more` are the requests that checks send besides the cases."""

    cases: Counter[str] = field(default_factory=Counter)
    more: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def note(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.NonFatalError):
            self.failures[f"{event.label} {event.value}"] = f"The run failed: {event.value!r}"
        if isinstance(event, events.FatalError | events.Interrupted):
            self.failures["run"] = "The run did not come to its end."
        if not isinstance(event, events.ScenarioFinished):
            return
        recorder = event.recorder
        for interaction in recorder.interactions.values():
            if interaction.response is not None:
                self.statuses[interaction.response.status_code] += 1
        own = sum(node.parent_id is None for node in recorder.cases.values())
        self.cases[recorder.label] += own
        self.more += len(recorder.cases) - own
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    self._note_failure(recorder, case_id, check.name, check.failure_info.failure)

    def _note_failure(
        self, recorder: ScenarioRecorder, case_id: str, check: str, failure: Failure
    ) -> None:
        interaction = recorder.interactions[case_id]
        request, response = interaction.request, interaction.response
        answer = b"" if response is None else response.content
        place = f"{failure.operation} {check} {failure.title}"
        self.failures.setdefault(
            f"{place} {failure.message[-80:]}",
            f"{failure.message}\n{request.method} {request.uri} {request.body!r}\n{answer!r}",
        )


def is_failure(failure: Failure, case: schemathesis.Case, response: Any) -> bool:  # noqa: ANN401 - the library's
    """Whether a failure is none of those that have a reason."""
    try:
        code = response.json().get("code", "")
    except ValueError:
        return True
    return not any(
        check in failure.checks and case.path.endswith(end) and code == refusal
        for check, end, refusal in REASONS
    )


@contextmanager
def only_new_requests() -> Iterator[None]:
    """Let Hypothesis make up requests, and not try for more of the kind that were accepted."""
    name = "contract"
    hypothesis.settings.register_profile(name, phases=[Phase.generate])
    before = hypothesis.settings.get_current_profile_name()
    hypothesis.settings.load_profile(name)
    try:
        yield
    finally:
        hypothesis.settings.load_profile(before)


def configuration(
    key: str, phases: tuple[str, ...], count: int, seed: int = SEED
) -> SchemathesisConfig:
    """The phases that are run, and how many requests or sequences are made up.

    Requests are counted for each operation.
    """
    # What was answered before must not decide what is asked next: the seed alone does.
    by_seed_alone = {
        "extra-data-sources": {"responses": False},
        "error-feedback": {"enabled": False},
    }
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": {"Authorization": key},
            "continue-on-failure": True,
            # A document that nobody works on has events without end.
            "max-stream-events": 1,
            "suppress-health-check": ["all"],
            "generation": {
                "max-examples": count,
                "database": "none",
                # The check ignored_auth takes the key away and shows false ones by itself.
                "with-security-parameters": False,
            },
            "phases": {
                "examples": {"enabled": "examples" in phases},
                "coverage": {"enabled": "coverage" in phases},
                "fuzzing": {"enabled": "fuzzing" in phases, **by_seed_alone},
                "stateful": {"enabled": "stateful" in phases, "max-steps": MOST_STEPS},
            },
        }
    )


class Kind(StrEnum):
    """The operations in parts, each for a test of its own; the value completes a sentence.

    The metrics are not asked after all others: they grow with each address that is.
    """

    TELL = "that tell how the server is"
    LIST = "that read without naming anything"
    READ = "that read what they name"
    ACT = "that change something without a body"
    SEND = "with a body"

    @classmethod
    def of(cls, operation: APIOperation) -> Kind:
        """The part that the operation belongs to."""
        if operation.path.startswith(("/health", "/metrics")):
            return cls.TELL
        if "requestBody" in operation.definition.raw:
            return cls.SEND
        if operation.method.upper() != "GET":
            return cls.ACT
        return cls.READ if "{" in operation.path else cls.LIST


def keep_contract(database_url: str, data_dir: Path, kind: Kind) -> Report:
    """Ask the operations of that kind, and say what was seen.

    First comes what schemathesis can think of for an operation by itself: every border of every
    field. Made up at random is what is missing to `CASES`.
    """
    report = Report()
    with running_app(database_url, data_dir) as running, only_new_requests():
        document = bounded(running.app.openapi())
        thought_out = _load(running, document, ("examples", "coverage"), 1)
        wanted = thought_out.include(lambda context: Kind.of(context.operation) is kind)
        for event in from_schema(wanted).execute():
            report.note(event)
        document = bounded(running.app.openapi())
        _without_long_texts(document)
        for count, names in _by_count_missing(report).items():
            made_up = _load(running, document, ("fuzzing",), count)
            for event in from_schema(made_up.include(name=names)).execute():
                report.note(event)
    assert set(report.cases) == labels_of(document, kind), "an operation was not asked"
    total = sum(report.cases.values())
    tell(
        f"{len(report.cases)} operations {kind}, {total} cases and {report.more} of the checks, "
        f"{len(report.failures)} failures"
    )
    return report


def labels_of(document: dict[str, Any], *kinds: Kind) -> set[str]:
    """The operations of these kinds, as `GET /health`."""
    schema = schemathesis.openapi.from_dict(document, config=configuration("", (), 1))
    found = [result.ok() for result in schema.get_all_operations()]
    return {operation.label for operation in found if Kind.of(operation) in kinds}


def _by_count_missing(report: Report) -> dict[int, list[str]]:
    """The operations that lack cases, by how many they lack.

    Those with a number in common are asked in one run. A configuration with a number for each
    would be put together anew at every request.
    """
    found: dict[int, list[str]] = {}
    for name, count in report.cases.items():
        if count < CASES:
            found.setdefault(CASES - count, []).append(name)
    return found


def _load(
    running: Running, document: dict[str, Any], phases: tuple[str, ...], count: int
) -> OpenApiSchema:
    config = configuration(running.key, phases, count)
    schema = schemathesis.openapi.from_dict(document, config=config)
    schema.app = running.app

    @schema.hook
    def map_case(context: object, case: schemathesis.Case) -> schemathesis.Case:  # noqa: ARG001 - the library's names
        return running.estate.naming(case)

    leave_out_what_has_a_reason(schema)
    return schema


def leave_out_what_has_a_reason(schema: OpenApiSchema) -> None:
    """Let none of the refusals in `REASONS` be a failure."""

    @schema.hook
    def filter_failure(  # noqa: ANN202 - read by the library
        context: object,  # noqa: ARG001 - the library's names
        failure: Failure,
        case: schemathesis.Case,
        response: Any,  # noqa: ANN401 - the library's
    ):
        return is_failure(failure, case, response)
