"""The first look: the query put right and widened, both legs searched, the legs fused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from groundwell.domain.chunks import ChunkId, Encoding
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.domain.queries import CorrectedQuery
from groundwell.domain.search import (
    AnalysedQuery,
    IndexScope,
    LegScores,
    Scores,
    SearchRequest,
    SearchType,
)
from groundwell.domain.timing import StageClock
from groundwell.ports.embedder import Embedder
from groundwell.ports.search_index import SearchIndex
from groundwell.retrieval.arrange import depth_of
from groundwell.retrieval.collection_profiles import CollectionProfiles
from groundwell.retrieval.feedback import add_feedback_terms
from groundwell.retrieval.fuse import fuse
from groundwell.retrieval.metadata import score_metadata
from groundwell.retrieval.normalise import normalise_query
from groundwell.retrieval.rank import FusionOptions, fuse_legs
from groundwell.retrieval.spelling import SpellingCorrector, has_unknown_word
from groundwell.retrieval.variants import QueryRewriter, QueryVariants, ruled_variants
from groundwell.store.database import Database
from groundwell.store.vocabulary import StoredVocabulary

_log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Search:
    """A request with what follows from it."""

    request: SearchRequest
    scope: IndexScope
    fusion: FusionOptions
    depth: int

    @classmethod
    def of(cls, request: SearchRequest, fusion: FusionOptions) -> _Search:
        wanted = fusion.wanted_by(request.switches, request.search_type)
        scope = IndexScope(request.tenant, request.collection, request.filter, request.viewer)
        return cls(request, scope, wanted, depth_of(request, wanted))


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What came of it: the query as it was searched, its legs' scores, the fused ones.

    `evidence`: the legs' scores with those of other wordings, where these were searched too.
    `corrected`: the query's text as the keyword leg took it. `metadata`: the candidates' scores by
    age and category, where they have a weight. `degraded`: what had to be left out.
    """

    query: AnalysedQuery
    legs: LegScores
    evidence: LegScores
    fused: Mapping[ChunkId, float]
    corrected: CorrectedQuery
    metadata: Scores = field(default_factory=dict)
    degraded: tuple[str, ...] = ()


class FirstStage:
    """Finds candidates."""

    def __init__(
        self,
        database: Database,
        index: SearchIndex,
        embedder: Embedder,
        corrector: SpellingCorrector,
        rewriter: QueryRewriter,
        fusion: FusionOptions,
        *,
        is_spelling: bool,
        is_varying: bool = False,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._database = database
        self._profiles = CollectionProfiles(database)
        self._index = index
        self._embedder = embedder
        self._corrector = corrector
        self._rewriter = rewriter
        self._fusion = fusion
        self._is_spelling = is_spelling
        self._is_varying = is_varying
        self._now = now

    async def look(
        self, request: SearchRequest, clock: StageClock, *, needs_encoding: bool
    ) -> FirstLook:
        """Find candidates. `needs_encoding`: a later stage wants the query's vectors.

        When the embedder fails, the keyword leg goes on alone, unless a semantic search was
        wanted. Raises NotFoundError for an unknown collection, InvalidInputError for weights that
        cannot be.
        """
        search = _Search.of(request, self._fusion)
        degraded: list[str] = []
        with clock.stage("embed"):
            is_dense = request.search_type != SearchType.KEYWORD
            encoding = None
            if is_dense or needs_encoding:
                encoding = await self._embed(request, degraded)
        with clock.stage("index"):
            query, legs = await self._find(search, request.query, encoding)
            query, legs, corrected = await self._put_right(search, query, legs)
            query, legs = await self._feed_back(search, query, legs)
            variants = await self._find_variants(search, corrected.text, degraded)
            evidence = _joined([legs, *variants])
            metadata = await self._score_metadata(search, evidence)
            fused = _fuse_all(legs, variants, search.fusion, metadata)
        query = replace(query, term_rarity=legs.term_rarity)
        return FirstLook(query, legs, evidence, fused, corrected, metadata, tuple(degraded))

    async def _embed(self, request: SearchRequest, degraded: list[str]) -> Encoding | None:
        try:
            return await self._embedder.embed_query(request.query)
        except (ProviderError, UnavailableError) as error:
            if request.search_type == SearchType.SEMANTIC:
                raise
            _log.warning("search goes on without the embedder: %s", error.detail)
            degraded.append("embedder")
            return None

    async def _find(
        self,
        search: _Search,
        text: str,
        encoding: Encoding | None,
        keyword_text: str | None = None,
    ) -> tuple[AnalysedQuery, LegScores]:
        """Search; a second time if the query was analysed for a profile that is no longer so."""
        words = normalise_query(text if keyword_text is None else keyword_text).text
        profile = self._profiles.known(search.scope.tenant, search.scope.collection)
        query = profile.analyse(text, encoding, words)
        legs = await self._ask(search, query)
        if legs.profile == query.profile:
            return query, legs
        profile = await self._profiles.renew(search.scope, legs.profile)
        if profile.stamp == query.profile:
            return query, legs
        query = profile.analyse(text, encoding, words)
        return query, await self._ask(search, query)

    async def _ask(
        self, search: _Search, query: AnalysedQuery, kind: SearchType | None = None
    ) -> LegScores:
        kind = kind or search.request.search_type
        return await self._index.search(search.scope, query, kind, search.depth)

    async def _put_right(
        self, search: _Search, query: AnalysedQuery, legs: LegScores
    ) -> tuple[AnalysedQuery, LegScores, CorrectedQuery]:
        """Search again where a word that the collection does not hold is likely misspelt.

        Only such a word costs anything. The embedder keeps the user's own text: it forgives typos,
        and stands against a correction that is wrong.
        """
        text = search.request.query
        is_wanted = search.request.switches.spelling
        if is_wanted is None:
            is_wanted = self._is_spelling
        # The dictionary is English: where nothing is, it knows no word.
        is_wanted = is_wanted and DEFAULT_LANGUAGE in query.languages
        if not is_wanted or legs.unknown_terms.isdisjoint(query.terms):
            return query, legs, CorrectedQuery(text, text)
        if not has_unknown_word(text, query.languages, legs.unknown_terms):
            return query, legs, CorrectedQuery(text, text)
        vocabulary = StoredVocabulary(self._database, search.scope)
        corrected = await self._corrector.correct(text, vocabulary, query.languages)
        if corrected.corrections:
            query, legs = await self._find(search, text, query.encoding, corrected.text)
        return query, legs, corrected

    async def _feed_back(
        self, search: _Search, query: AnalysedQuery, legs: LegScores
    ) -> tuple[AnalysedQuery, LegScores]:
        """Search by words again, with the telling terms of the first passages."""
        if (
            not search.request.switches.feedback
            or search.request.search_type == SearchType.SEMANTIC
        ):
            return query, legs
        fused = fuse_legs(legs, search.fusion)
        query = await add_feedback_terms(self._database, search.scope, query, legs, fused)
        again = await self._ask(search, query, SearchType.KEYWORD)
        return query, replace(legs, keyword=again.keyword)

    async def _score_metadata(self, search: _Search, legs: LegScores) -> Scores:
        if search.fusion.metadata_weight <= 0:
            return {}
        chunks = list(legs.dense.keys() | legs.keyword.keys())
        return await score_metadata(
            self._database, search.scope.asking, chunks, search.fusion, self._now()
        )

    async def _find_variants(
        self, search: _Search, corrected: str, degraded: list[str]
    ) -> list[LegScores]:
        """What other wordings of the corrected query find; nothing where they are not wanted.

        What every search does calls no language model: only a request may ask for that.
        """
        switches = search.request.switches
        if not (self._is_varying if switches.variants is None else switches.variants):
            return []
        profile = self._profiles.known(search.scope.tenant, search.scope.collection)
        if switches.variants is None:
            variants = QueryVariants(ruled_variants(corrected, profile.short_forms))
        else:
            variants = await self._rewriter.variants(corrected, switches.role, profile.short_forms)
        if variants.missing is not None:
            degraded.append(variants.missing)
        texts = list(variants.phrasings)
        encodings: Sequence[Encoding | None] = [None] * len(texts)
        if search.request.search_type != SearchType.KEYWORD:
            try:
                encodings = await asyncio.gather(*map(self._embedder.embed_query, texts))
            except (ProviderError, UnavailableError) as error:
                _log.warning("search goes on without variants: %s", error.detail)
                degraded.append("variants")
                return []
        finds = [
            self._find(search, text, encoding)
            for text, encoding in zip(texts, encodings, strict=True)
        ]
        if variants.terms:
            finds.append(self._find(search, " ".join(variants.terms), None))
        return [legs for _, legs in await asyncio.gather(*finds)]


def _fuse_all(
    legs: LegScores, variants: Sequence[LegScores], fusion: FusionOptions, metadata: Scores
) -> dict[ChunkId, float]:
    """The query's own fused scores, with those of its variants: together these count as much."""
    fused = fuse_legs(legs, fusion, metadata)
    if not variants:
        return fused
    shares = [(fuse_legs(each, fusion, metadata), 1 / len(variants)) for each in variants]
    return fuse([(fused, 1.0), *shares])


def _joined(all_legs: Sequence[LegScores]) -> LegScores:
    """For each passage the best evidence that any of the searches found."""
    first = all_legs[0]
    if len(all_legs) == 1:
        return first
    dense: Scores = {}
    keyword: Scores = {}
    for legs in all_legs:
        for joined, found in ((dense, legs.dense), (keyword, legs.keyword)):
            for chunk, score in found.items():
                joined[chunk] = max(score, joined.get(chunk, score))
    return replace(first, dense=dense, keyword=keyword)
