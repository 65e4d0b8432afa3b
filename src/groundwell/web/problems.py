"""What an error looks like to a client, in both forms."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

MOST_FIELD_PROBLEMS = 20
"""How many fields are told: a hostile body can be wrong in a million places."""


class FieldProblem(BaseModel):
    """What is wrong with one field. The rejected value is never repeated."""

    pointer: str = Field(description="Place in the request, as a JSON pointer.")
    code: str
    message: str


class QuotaProblem(BaseModel):
    """A quota that a request would go beyond. `used` is without the request."""

    name: str
    limit: int
    used: int


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = Field(description="Id of the request, also in the header X-Request-ID.")
    code: str = Field(description="Stable name of the error, for programs.")
    message: str = Field(description="The same as `detail`.")
    state: str = "error"
    fallback_used: bool = False
    retry_after: int | None = None
    errors: list[FieldProblem] | None = None
    quota: QuotaProblem | None = None

    def document(self) -> dict[str, Any]:
        """The problem as it is sent. `retry_after` is there even when nobody knows how long."""
        return {**self.model_dump(exclude_none=True), "retry_after": self.retry_after}

    def short(self) -> ShortProblem:
        """The same for clients that know no problem documents."""
        return ShortProblem(
            status=self.state,
            message=self.message,
            fallback_used=self.fallback_used,
            retry_after=self.retry_after,
            code=self.code,
            correlation_id=self.instance,
        )


class ShortProblem(BaseModel):
    """An error in the form of an older contract."""

    status: str = Field(description="Always `error`.")
    message: str = Field(description="What is wrong, in a sentence.")
    fallback_used: bool
    retry_after: int | None = Field(description="Seconds, where it is known.")
    code: str = Field(description="Stable name of the error, for programs.")
    correlation_id: str = Field(description="Id of the request, also in the header X-Request-ID.")
