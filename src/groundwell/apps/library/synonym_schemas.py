"""What the endpoints of synonyms take and give."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from groundwell.retrieval.synonyms import MAX_CHARS, MAX_ENTRIES, MAX_EXPANSIONS
from groundwell.store.collection_profiles import StoredSynonyms
from groundwell.web.fields import Flag

Phrase = Annotated[str, StringConstraints(min_length=1, max_length=MAX_CHARS)]
PackName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Expansions = Annotated[list[Phrase], Field(min_length=1, max_length=MAX_EXPANSIONS)]


class SynonymEntry(BaseModel):
    """What a phrase is also called. `both_ways`: each of the expansions finds the phrase, too."""

    model_config = ConfigDict(extra="forbid")

    expansions: Expansions
    both_ways: Flag = False


class Synonyms(BaseModel):
    """A collection's synonyms: the names of bundled packs, and entries of its own by phrase."""

    model_config = ConfigDict(extra="forbid")

    packs: Annotated[list[PackName], Field(max_length=20)] = Field(default_factory=list)
    entries: Annotated[
        dict[str, Expansions | SynonymEntry],
        Field(
            max_length=MAX_ENTRIES,
            examples=[{"RDL": {"expansions": ["Romanian deadlift"], "both_ways": True}}],
        ),
    ] = Field(default_factory=dict)

    @classmethod
    def of(cls, stored: StoredSynonyms) -> Synonyms:
        """The synonyms as clients see them."""
        return cls.model_validate({"packs": list(stored.packs), "entries": stored.entries})

    def stored(self) -> StoredSynonyms:
        """The synonyms as the store keeps them."""
        content = self.model_dump(mode="json")
        return StoredSynonyms(tuple(dict.fromkeys(self.packs)), content["entries"])


class PackOut(BaseModel):
    """A bundled pack. `entries`: how many phrases it knows."""

    name: str
    entries: int


class PackList(BaseModel):
    """All bundled packs."""

    packs: list[PackOut]
