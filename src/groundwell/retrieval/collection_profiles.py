"""How the queries of each collection are analysed: in which languages, with which synonyms.

The languages of a collection's documents and its synonyms make its profile. Every search brings
the profile back with its results, as a short text; only when it is another than the query was
analysed for is the query analysed anew and searched again. A change therefore takes effect with
the next search in every process, and costs nothing while nothing changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from groundwell.domain.analysis import analyse_query
from groundwell.domain.chunks import Encoding
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import InvalidInputError, NotFoundError
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.domain.search import AnalysedQuery, IndexScope
from groundwell.retrieval.synonyms import SynonymMatch, SynonymPack, bundled_pack, parse_pack
from groundwell.store.collection_profiles import (
    StoredSynonyms,
    has_synonyms,
    languages_of,
    load_synonyms,
)
from groundwell.store.database import Database

SYNONYM_WEIGHT = 0.8
"""What an expansion counts of what its phrase would, shared by its words: the user's own words
come first."""

MAX_ADDED_TERMS = 64
_MOST_PROFILES = 256
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueryProfile:
    """How the queries of one collection are analysed. `stamp` is the profile as the index tells."""

    stamp: str = ""
    languages: tuple[str, ...] = (DEFAULT_LANGUAGE,)
    packs: tuple[SynonymPack, ...] = ()

    def analyse(
        self, text: str, encoding: Encoding | None, keyword_text: str | None = None
    ) -> AnalysedQuery:
        """The query as the legs need it. `keyword_text` is what the keyword leg takes for it."""
        words = text if keyword_text is None else keyword_text
        terms = tuple(analyse_query(words, self.languages))
        return AnalysedQuery(
            text,
            terms,
            encoding,
            added_terms=self._added_terms(words, frozenset(terms)) if self.packs else {},
            languages=self.languages,
            profile=self.stamp,
        )

    @property
    def short_forms(self) -> dict[str, str]:
        """The phrases of one word of all packs with what they stand for; the first pack wins."""
        found: dict[str, str] = {}
        for pack in self.packs:
            found = pack.short_forms | found
        return found

    def _added_terms(self, text: str, own: frozenset[str]) -> dict[str, float]:
        weights: dict[str, float] = {}
        for pack in self.packs:
            for match in pack.matches(text):
                for term, weight in self._expanded(match):
                    if term not in own:
                        weights[term] = max(weight, weights.get(term, 0.0))
        return dict(list(weights.items())[:MAX_ADDED_TERMS])

    def _expanded(self, match: SynonymMatch) -> Iterator[tuple[str, float]]:
        for expansion in match.expansions:
            share = min(1.0, len(match.terms) / len(expansion.terms))
            for term in analyse_query(expansion.text, self.languages):
                yield term, SYNONYM_WEIGHT * share


class CollectionProfiles:
    """The profiles of the collections that were searched last in this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Collections in English without synonyms need no place here.
        self._known: OrderedDict[tuple[TenantId, str], QueryProfile] = OrderedDict()

    def known(self, tenant: TenantId, collection: str) -> QueryProfile:
        """The profile at the last search of the collection; the default when there was none."""
        return self._known.get((tenant, collection), _DEFAULT)

    async def renew(self, scope: IndexScope, stamp: str) -> QueryProfile:
        """The collection's profile after a search told that it is `stamp` now.

        It may be newer than that. Raises NotFoundError when the collection is gone.
        """
        key = (scope.tenant, scope.collection)
        held = self._known.get(key)
        if held is not None and held.stamp == stamp:
            # Another search of this process was quicker.
            return held
        packs: tuple[SynonymPack, ...] = ()
        if has_synonyms(stamp):
            stamp, stored = await load_synonyms(self._database, *key)
            packs = await asyncio.to_thread(_packs_of, stored, languages_of(stamp))
        profile = QueryProfile(stamp, languages_of(stamp), packs) if stamp else _DEFAULT
        self._keep(key, profile)
        return profile

    def _keep(self, key: tuple[TenantId, str], profile: QueryProfile) -> None:
        self._known.pop(key, None)
        if profile is not _DEFAULT:
            self._known[key] = profile
        while len(self._known) > _MOST_PROFILES:
            self._known.popitem(last=False)


_DEFAULT = QueryProfile()


def _packs_of(stored: StoredSynonyms, languages: Sequence[str]) -> tuple[SynonymPack, ...]:
    """The packs, without any that another version of the product took and this one does not."""
    packs: list[SynonymPack] = []
    try:
        packs += map(bundled_pack, stored.packs)
        if stored.entries:
            packs.append(parse_pack(orjson.dumps(stored.entries)))
    except (InvalidInputError, NotFoundError) as error:
        _log.warning("search goes on without some synonyms: %s", error.detail)
    return tuple(pack.read_in(languages) for pack in packs)
