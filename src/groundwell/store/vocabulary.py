"""The words of a collection, as its statistics hold them."""

from __future__ import annotations

from collections.abc import Collection
from typing import LiteralString

from groundwell.domain.search import IndexScope
from groundwell.store.database import Database

_FREQUENCIES: LiteralString = "SELECT * FROM read_term_frequencies(%s, %s, %s::text[])"


class StoredVocabulary:
    """The terms of one collection, read under the rights of who asks."""

    def __init__(self, database: Database, scope: IndexScope) -> None:
        self._database = database
        self._scope = scope

    async def frequencies(self, terms: Collection[str]) -> dict[str, int]:
        """In how many chunks each term occurs; those that occur in none are left out."""
        if not terms:
            return {}
        rows = await self._database.fetch(
            _FREQUENCIES, self._scope.asking, self._scope.collection, list(terms)
        )
        return dict(rows)
