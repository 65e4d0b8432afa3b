"""What evaluations take and give."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict

from groundwell.domain.documents import DEFAULT_COLLECTION
from groundwell.domain.evaluation import Comparison, EvalRun, EvalSet, JudgedQuery, QueryResult
from groundwell.domain.search import SearchType
from groundwell.web.fields import WHOLE, CollectionName, Flag, NotBlank, Number, QueryText
from groundwell.web.filter_schema import Filter
from groundwell.web.search_switches import SearchSwitchesIn

SetName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), NotBlank
]
DocumentId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Order = Literal["set", "worst"]
UNGRADED = 1
"""The grade of a judged document that says none."""


class RelevantIn(TypedDict):
    """A judged document. Grade 0 means seen and not relevant."""

    # Of the half million that a set may hold, models would keep the garbage collector busy.
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]  # pydantic reads it

    document_id: DocumentId
    grade: NotRequired[
        Annotated[int, Field(ge=0, le=1000, json_schema_extra={"default": UNGRADED}), WHOLE]
    ]


class JudgementIn(BaseModel):
    """A query and the documents that are known to answer it."""

    model_config = ConfigDict(extra="forbid")

    query: QueryText
    relevant: list[RelevantIn] = Field(min_length=1, max_length=10_000)


class SetIn(BaseModel):
    """Judged queries to be stored."""

    model_config = ConfigDict(extra="forbid")

    name: SetName
    collection: CollectionName = DEFAULT_COLLECTION
    judgements: list[JudgementIn] = Field(min_length=1, max_length=20_000)


class SetOut(BaseModel):
    """Stored judged queries; `judgements` counts judged documents."""

    id: UUID
    name: str
    collection: str
    queries: int
    judgements: int
    created_at: datetime

    @classmethod
    def of(cls, found: EvalSet) -> SetOut:
        """The set as clients see it."""
        return cls(**asdict(found))


class RelevantOut(BaseModel):
    """A judged document and its grade."""

    document_id: str
    grade: int


class JudgementOut(BaseModel):
    """A stored query with its judged documents, in the form in which it can be stored again."""

    query: str
    relevant: list[RelevantOut]

    @classmethod
    def of(cls, query: JudgedQuery) -> JudgementOut:
        """The query as clients see it."""
        relevant = [
            RelevantOut(document_id=doc, grade=grade) for doc, grade in query.grades.items()
        ]
        return cls(query=query.text, relevant=relevant)


class SetDetail(SetOut):
    """A set and a page of its queries, of which there are `queries`."""

    judged: list[JudgementOut]


class SetList(BaseModel):
    """All sets, by name."""

    sets: list[SetOut]


class ConfigIn(SearchSwitchesIn):
    """Options of a search; what is left out has its default."""

    search_type: SearchType | None = None
    threshold: Number | None = Field(default=None, ge=0, le=1)
    filter: Filter | None = None
    rerank: Flag | None = None

    def options(self) -> dict[str, Any]:
        """The options that were given."""
        return self.model_dump(mode="json", exclude_none=True)


class RunIn(BaseModel):
    """A run to be made: `set` is the name of a stored set, `compare_with` the id of a run."""

    model_config = ConfigDict(extra="forbid")

    set: SetName
    config: ConfigIn = Field(default_factory=ConfigIn)
    compare_with: UUID | None = None


class LatencyOut(BaseModel):
    """Milliseconds that half, and 95 %, of the searches stay under."""

    p50: float
    p95: float


class FailureOut(BaseModel):
    """Why a run failed."""

    code: str
    message: str


class RunOut(BaseModel):
    """A run. `measures` and `latency_ms` are empty until it is complete."""

    id: UUID
    set: str
    collection: str
    config: dict[str, Any]
    compare_with: UUID | None
    status: str
    done: int
    queries: int
    documents: int | None
    missing_documents: int | None
    measures: dict[str, float]
    latency_ms: dict[str, LatencyOut]
    failure: FailureOut | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, run: EvalRun) -> RunOut:
        """The run as clients see it."""
        failure = None
        if run.error_code is not None:
            failure = FailureOut(code=run.error_code, message=run.error_message or "")
        return cls(
            id=run.id,
            set=run.eval_set.name,
            collection=run.eval_set.collection,
            config=dict(run.config),
            compare_with=run.compare_with,
            status=run.status,
            done=run.done,
            queries=run.queries,
            documents=run.documents,
            missing_documents=run.missing_documents,
            measures=dict(run.measures),
            latency_ms={
                stage: LatencyOut(p50=round(found.p50, 3), p95=round(found.p95, 3))
                for stage, found in run.latency_ms.items()
            },
            failure=failure,
            created_at=run.created_at,
            finished_at=run.finished_at,
        )


class RunList(BaseModel):
    """Runs, newest first."""

    runs: list[RunOut]


class DifferenceOut(BaseModel):
    """A measure against the baseline; `p_value` by the paired randomisation test, two-sided."""

    measure: str
    baseline: float
    mean: float
    difference: float
    p_value: float
    better: int
    worse: int
    equal: int


class ChangeOut(BaseModel):
    """A query whose nDCG@10 differs."""

    query_id: str
    baseline: float
    value: float


class ComparisonOut(BaseModel):
    """This run against another one of the same set; the largest changes first."""

    queries: int
    differences: list[DifferenceOut]
    changes: list[ChangeOut]

    @classmethod
    def of(cls, comparison: Comparison, most_changes: int) -> ComparisonOut:
        """The comparison as clients see it."""
        return cls(
            queries=comparison.queries,
            differences=[DifferenceOut(**asdict(line)) for line in comparison.differences],
            changes=[ChangeOut(**asdict(change)) for change in comparison.changes[:most_changes]],
        )


class RunDetail(RunOut):
    """A run and its comparison, null until both runs are complete."""

    comparison: ComparisonOut | None = None


class QueryResultOut(BaseModel):
    """What one query found: documents, best first. `query_id` is its place in the set, from 1."""

    query_id: str
    query: str
    measures: dict[str, float]
    found: list[str]
    relevant: dict[str, int]
    degraded: list[str]

    @classmethod
    def of(cls, result: QueryResult) -> QueryResultOut:
        """The result as clients see it."""
        return cls(
            query_id=result.query.id,
            query=result.query.text,
            measures=dict(result.measures),
            found=list(result.ranking),
            relevant={doc: grade for doc, grade in result.query.grades.items() if grade > 0},
            degraded=list(result.degraded),
        )


class ResultPage(BaseModel):
    """Some results, and how many there are so far."""

    results: list[QueryResultOut]
    total: int
