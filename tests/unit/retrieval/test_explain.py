"""What a search says of why its results are where they are."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.fakes.embedder import FakeEmbedder, FakeTokenizer
from tests.unit.retrieval.setting import ScriptedReranker, request, retriever, script
from tests.unit.store.setting import (
    CENTRE,
    DIMENSION,
    Shelf,
    accept,
    fence_of,
    make_shelf,
    new_document,
    swap,
    works,
)

from groundwell.adapters.reranker.late_interaction import LateInteractionReranker
from groundwell.domain.bm25 import term_dimension
from groundwell.domain.chunks import Chunk
from groundwell.domain.explanation import Explanation
from groundwell.domain.search import SearchResult, SearchType
from groundwell.domain.search_switches import SearchSwitches
from groundwell.ingestion.encode import PlacedChunk, encode_chunks
from groundwell.ports.reranker import Reranker
from groundwell.retrieval.rerank import RerankOptions
from groundwell.retrieval.retrieve import Retriever
from groundwell.retrieval.word_matches import WordMatcher
from groundwell.store.chunk_writer import IndexedDocument
from groundwell.store.database import Database

# Terms whose hashes give them one place in the index.
COLLIDING = ("q7808", "q28228")
NOTES = {
    "kites": ("Kites", "The wind lifts a kite; a kite's string holds it."),
    "boats": ("Boats", "Sails take the wind, and boats lean."),
    "mills": ("Mills", "A mill turns slowly."),
}


async def add(shelf: Shelf, notes: dict[str, tuple[str, str]]) -> None:
    """Hand in texts with titles, embedded as the worker does it."""
    documents = [new_document(text, id=key, title=title) for key, (title, text) in notes.items()]
    ready = []
    for work in await works(shelf, await accept(shelf, *documents)):
        assert work.parsed is not None
        text = work.parsed.text
        chunk = Chunk(0, text, 0, len(text), None, ("On the air",))
        encoded = await encode_chunks(
            FakeEmbedder(DIMENSION), CENTRE, [PlacedChunk(chunk, work.version, work.title)]
        )
        ready.append(
            IndexedDocument(work.uid, work.version, work.number, encoded, fence=fence_of(work))
        )
    await swap(shelf, ready)


@pytest.fixture
async def notes(database: Database, database_url: str) -> Shelf:
    shelf = await make_shelf(database, database_url)
    await add(shelf, NOTES)
    return shelf


def explaining(
    shelf: Shelf, embedder: FakeEmbedder | None = None, reranker: Reranker | None = None
) -> Retriever:
    """A retriever with late interaction, whose matcher tokenises with `embedder`."""
    return retriever(
        shelf,
        reranker=reranker or LateInteractionReranker(shelf.space.centre),
        second=RerankOptions(),
        words=WordMatcher(embedder or FakeEmbedder(DIMENSION), shelf.space.centre),
    )


async def explained(
    search: Retriever, shelf: Shelf, query: str, **fields: object
) -> dict[str, tuple[SearchResult, Explanation]]:
    """Each result with its explanation, by its document's id, best first."""
    answer = await search.search(request(shelf, query, explain=True, **fields))
    return {
        result.document_id: (result, result.explanation)
        for result in answer.results
        if result.explanation is not None
    }


async def test_the_shares_of_the_terms_add_up_to_the_keyword_score(notes: Shelf):
    found = await explained(explaining(notes), notes, "kite wind wind strings zebra")
    scored = [told for _, told in found.values() if told.keyword is not None]
    assert len(scored) == 2
    for told in scored:
        assert told.terms is not None
        assert sum(share.share for share in told.terms) == pytest.approx(told.keyword, abs=1e-5)
        assert [s.share for s in told.terms] == sorted((s.share for s in told.terms), reverse=True)


async def test_a_term_tells_its_words_its_rarity_and_how_often_the_passage_holds_it(notes: Shelf):
    found = await explained(explaining(notes), notes, "Kites or kite in wind, zebra?")
    terms = {share.term: share for share in found["kites"][1].terms or ()}
    # Once in the title, twice in the text.
    assert (terms["kite"].words, terms["kite"].frequency) == (("Kites", "kite"), 3)
    assert (terms["wind"].frequency, terms["zebra"].frequency, terms["zebra"].share) == (1, 0, 0)
    assert terms["zebra"].idf > terms["kite"].idf > terms["wind"].idf > 0
    assert found["mills"][1].terms is None


async def test_of_two_terms_with_one_place_in_the_index_the_rarer_counts(notes: Shelf):
    rare, common = COLLIDING
    assert term_dimension(rare) == term_dimension(common)
    await add(notes, {"a": ("A", f"{rare} ship"), "b": ("B", common), "c": ("C", common)})
    told = (await explained(explaining(notes), notes, f"{rare} {common} ship"))["a"][1]
    terms = {share.term: share for share in told.terms or ()}
    assert sum(share.share for share in terms.values()) == pytest.approx(told.keyword, abs=1e-5)
    assert (terms[rare].frequency, terms[common].frequency, terms[common].share) == (1, None, 0)


async def test_ranks_and_scores_follow_a_result_through_the_stages(shelf: Shelf):
    index = await script(
        shelf, {"arch": 1.0, "tide": 0.5, "beam": 0.45, "bread": 0.0}, {"beam": 3.0, "cable": 1.0}
    )
    reranker = ScriptedReranker(
        lambda all_: [None if "bread" in c.text else float("Tides" in c.text) for c in all_]
    )
    search = retriever(shelf, index=index, reranker=reranker, second=RerankOptions(fused_share=0.1))
    found = await explained(search, shelf, "bridge", switches=SearchSwitches(smoothing=True))
    told = {key: explanation for key, (_, explanation) in found.items()}
    assert [e.rank_final for e in told.values()] == [1, 2, 3, 4, 5]
    assert [
        (e.rank_dense, e.rank_keyword) for e in (told["arch"], told["beam"], told["cable"])
    ] == [
        (1, None),
        (3, 1),
        (None, 2),
    ]
    fused = [e.fused for e in told.values() if e.rerank is not None]
    stretched = (told["tide"].fused - min(fused)) / (max(fused) - min(fused))
    assert (told["tide"].rank_reranked, told["tide"].rerank) == (1, 1.0)
    assert told["tide"].blended == pytest.approx(0.9 + 0.1 * stretched)
    assert (told["bread"].rerank, told["bread"].blended, told["bread"].rank_reranked) == (None,) * 3
    by_smoothed = sorted(told, key=lambda key: told[key].rank_smoothed or 0)
    assert by_smoothed == list(told)
    assert sorted(e.rank_fused for e in told.values()) == [1, 2, 3, 4, 5]
    assert all(e.word_matches is None for e in told.values())


async def test_stages_that_did_not_run_have_no_scores_or_ranks(notes: Shelf):
    search = explaining(notes)
    found = await explained(search, notes, "kite", search_type=SearchType.KEYWORD, rerank=False)
    told = found["kites"][1]
    assert (told.dense, told.rank_dense, told.rerank, told.rank_reranked) == (None,) * 4
    assert (told.smoothed, told.rank_smoothed, told.word_matches) == (None,) * 3
    assert (told.rank_keyword, told.rank_fused, told.rank_final) == (1, 1, 1)
    semantic = await explained(search, notes, "kite", search_type=SearchType.SEMANTIC)
    assert semantic["kites"][1].terms is None
    assert semantic["kites"][1].word_matches is not None


async def test_word_matches_add_up_to_the_rerankers_score(notes: Shelf):
    found = await explained(explaining(notes), notes, "What lifts the kite, and when does it lean?")
    assert found.keys() == NOTES.keys()
    for _, told in found.values():
        assert told.word_matches is not None
        words = [match.word for match in told.word_matches]
        assert words == ["What", "lifts", "the", "kite", "and", "when", "does", "it", "lean"]
        total = sum(match.share for match in told.word_matches)
        assert total == pytest.approx(told.rerank, abs=1e-5)
        assert sum(match.weight for match in told.word_matches) == pytest.approx(1)
        for match in told.word_matches:
            assert match.share == pytest.approx(match.weight * match.similarity)


async def test_a_match_stands_at_its_place_in_the_passage_or_in_a_heading(notes: Shelf):
    found = await explained(explaining(notes), notes, "kites string air")
    result, told = found["kites"]
    matches = {match.word: match for match in told.word_matches or ()}
    string = matches["string"]
    assert (string.partner, string.place) == ("string", "text")
    assert result.text[string.char_start : string.char_end] == "string"
    for word, partner in (("kites", "Kites"), ("air", "air")):
        match = matches[word]
        assert (match.partner, match.place) == (partner, "heading")
        assert (match.char_start, match.char_end) == (None, None)


async def test_word_matches_are_left_out_when_the_title_has_changed_since(notes: Shelf):
    same_words = new_document(NOTES["kites"][1], id="kites", title="Dragons")
    assert not (await accept(notes, same_words))[0].has_work
    found = await explained(explaining(notes), notes, "kite wind")
    assert found["kites"][0].title == "Dragons"
    assert found["kites"][1].word_matches is None
    assert found["kites"][1].terms is not None
    assert found["boats"][1].word_matches is not None


class LetterTokenizer(FakeTokenizer):
    """Another model's: a token for each character."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [(place, place + 1) for place in range(len(text))]


async def test_word_matches_are_left_out_when_the_tokens_are_not_the_stored_ones(notes: Shelf):
    other = FakeEmbedder(DIMENSION, max_tokens=1000)
    other.tokenizer = LetterTokenizer()
    found = await explained(explaining(notes, other), notes, "kite wind")
    assert len(found) == 3
    assert all(told.word_matches is None for _, told in found.values())
    assert all(told.rerank is not None for _, told in found.values())


async def test_word_matches_that_do_not_add_up_to_the_score_are_left_out(notes: Shelf):
    reranker = ScriptedReranker(lambda all_: [0.9] * len(all_), needs_text=False)
    search = explaining(notes, reranker=reranker)
    found = await explained(search, notes, "kite")
    assert found["kites"][1].rerank == 0.9
    assert found["kites"][1].word_matches is None


async def test_the_cut_off_end_of_a_long_passage_has_no_partner(notes: Shelf):
    words = [f"word{number}" for number in range(80)]
    await add(notes, {"long": ("Long", " ".join(words))})
    told = (await explained(explaining(notes), notes, "word3 word79"))["long"][1]
    matches = {match.word: match for match in told.word_matches or ()}
    assert matches["word3"].partner == "word3"
    assert matches["word79"].partner != "word79"


async def test_statistics_of_another_tenant_do_not_show(notes: Shelf):
    before = await explained(explaining(notes), notes, "kite wind")
    other = await make_shelf(notes.database, notes.url)
    await add(other, {str(n): ("Kite", "kite kite wind") for n in range(5)})
    after = await explained(explaining(notes), notes, "kite wind")
    assert after == before


async def test_nothing_is_read_or_tokenised_unless_asked(notes: Shelf):
    embedder = CountingEmbedder(DIMENSION)
    search = explaining(notes, embedder)
    answer = await search.search(request(notes, "kite"))
    assert answer.is_reranked
    assert embedder.tokenised == 0
    assert "explain" not in answer.timings_ms
    await search.search(request(notes, "kite", explain=True, limit=2))
    assert embedder.tokenised == 2


class CountingEmbedder(FakeEmbedder):
    """Remembers how many passages were tokenised."""

    tokenised = 0

    async def document_spans(self, texts: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
        self.tokenised += len(texts)
        return await super().document_spans(texts)
