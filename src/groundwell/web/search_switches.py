"""The switches of a search, as every request that searches takes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from groundwell.domain.search_switches import (
    MAX_HALF_LIFE_DAYS,
    MAX_NEIGHBOURS,
    MAX_ROLE_CHARS,
    MIN_HALF_LIFE_DAYS,
    SearchSwitches,
)
from groundwell.web.fields import WHOLE, Flag, Number


class SearchSwitchesIn(BaseModel):
    """Steps of the search that this request wants otherwise than the server is set."""

    model_config = ConfigDict(extra="forbid")

    smoothing: Flag | None = Field(
        default=None, description="Lift passages whose nearest neighbours rank high."
    )
    spelling: Flag | None = Field(
        default=None, description="Put misspelt words right for the keyword leg."
    )
    variants: Flag | None = Field(
        default=None, description="Search other wordings of the query beside it."
    )
    role: Annotated[str, StringConstraints(max_length=MAX_ROLE_CHARS)] | None = Field(
        default=None,
        description="Who asks, for the language model that words the variants; used nowhere else.",
    )
    feedback: Flag | None = Field(
        default=None, description="Search again with the telling terms of the first passages."
    )
    fusion: Literal["min_max", "rrf"] | None = Field(
        default=None, description="Join the methods by their scores or by their ranks."
    )
    dense_weight: Number | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Weight of the vectors; without `keyword_weight`, the words have the rest.",
    )
    keyword_weight: Number | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Weight of the words; without `dense_weight`, the vectors have the rest.",
    )
    metadata_weight: Number | None = Field(
        default=None, ge=0, le=1, description="Weight of recency and of the wanted category."
    )
    category: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        default=None, description="Category that is preferred; needs a metadata weight."
    )
    recency_half_life_days: Number | None = Field(
        default=None,
        ge=MIN_HALF_LIFE_DAYS,
        le=MAX_HALF_LIFE_DAYS,
        description="Age at which recency counts half; needs a metadata weight.",
    )
    max_per_document: Annotated[int, Field(ge=1, le=200), WHOLE] | None = Field(
        default=None, description="Most passages of one document."
    )
    diversity: Number | None = Field(
        default=None, ge=0, le=1, description="Prefer passages unlike those before; 0 is off."
    )
    neighbours: Annotated[int, Field(ge=0, le=MAX_NEIGHBOURS), WHOLE] | None = Field(
        default=None,
        description="Passages before and after each one that are shown with it.",
    )

    def switches(self) -> SearchSwitches:
        """The switches as the stages take them."""
        return SearchSwitches.of(
            {name: getattr(self, name) for name in SearchSwitchesIn.model_fields}
        )
