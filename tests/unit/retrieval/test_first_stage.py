from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.language_model import FakeLanguageModel
from tests.unit.retrieval.setting import (
    ListeningIndex,
    ScriptedIndex,
    failing,
    request,
    retriever,
    script,
)
from tests.unit.store.setting import (
    DIMENSION,
    Shelf,
    accept,
    indexed,
    new_document,
    put,
    swap,
    works,
)

from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.errors import ProviderError
from groundwell.domain.queries import Correction
from groundwell.domain.search import (
    AnalysedQuery,
    IndexScope,
    LegScores,
    SearchType,
)
from groundwell.domain.search_switches import SearchSwitches
from groundwell.store.collection_profiles import StoredSynonyms, save_synonyms

KEYWORD = SearchType.KEYWORD


@dataclass
class IndexByText:
    """Finds for each text what the test says."""

    indexes: dict[str, ScriptedIndex]

    async def search(
        self, scope: IndexScope, query: AnalysedQuery, search_type: SearchType, depth: int
    ) -> LegScores:
        return await self.indexes[query.text].search(scope, query, search_type, depth)


async def test_a_misspelt_word_is_put_right_for_the_keyword_leg_and_shown(shelf: Shelf):
    answer = await retriever(shelf).search(
        request(shelf, "suspenison bridge", search_type=KEYWORD, rerank=False)
    )
    assert answer.results[0].document_id == "cable"
    assert answer.corrections == (Correction("suspenison", "suspension", 0, 10),)


async def test_the_embedder_gets_the_query_as_it_was_typed(shelf: Shelf):
    index = ListeningIndex(shelf)
    await retriever(shelf, index=index).search(request(shelf, "suspenison bridge"))
    typed, corrected = index.asked
    assert typed.text == corrected.text == "suspenison bridge"
    assert typed.encoding is corrected.encoding
    assert corrected.terms == ("suspens", "bridg")


async def test_a_query_whose_words_are_all_held_is_searched_once(shelf: Shelf):
    index = ListeningIndex(shelf)
    answer = await retriever(shelf, index=index).search(request(shelf, "steel suspension bridge"))
    assert len(index.asked) == 1
    assert answer.corrections == ()


async def test_a_word_that_nobody_knows_stays(shelf: Shelf):
    index = ListeningIndex(shelf)
    answer = await retriever(shelf, index=index).search(request(shelf, "xqzvwk bridge"))
    assert len(index.asked) == 1
    assert answer.corrections == ()


async def test_one_document_in_another_language_does_not_stop_corrections(shelf: Shelf):
    accepted = await accept(shelf, new_document("Ein Haus steht im Wald.", id="haus"))
    documents = [indexed(work) for work in await works(shelf, accepted)]
    await swap(shelf, [replace(document, language="de") for document in documents])
    index = ListeningIndex(shelf)
    answer = await retriever(shelf, index=index).search(request(shelf, "suspenison bridge"))
    assert answer.corrections == (Correction("suspenison", "suspension", 0, 10),)
    assert index.asked[-1].languages == ("de", "en")


@pytest.mark.parametrize("kind", ["switched off", "by the server", "semantic"])
async def test_nothing_is_put_right_where_it_is_not_wanted(shelf: Shelf, kind: str):
    asked = request(shelf, "suspenison bridge")
    match kind:
        case "switched off":
            asked = replace(asked, switches=SearchSwitches(spelling=False))
        case "semantic":
            asked = replace(asked, search_type=SearchType.SEMANTIC)
    answer = await retriever(shelf, is_spelling=kind != "by the server").search(asked)
    assert answer.corrections == ()


async def test_an_explained_search_tells_how_the_query_was_understood(shelf: Shelf):
    asked = request(shelf, "why does  bread rise “slowly”?", explain=True)
    understood = (await retriever(shelf).search(asked)).understood
    assert understood is not None
    assert understood.original_query == asked.query
    assert understood.processed_query == 'why does bread rise "slowly"?'
    assert understood.intent == "reason"
    assert (await retriever(shelf).search(request(shelf))).understood is None


async def test_feedback_finds_a_passage_that_shares_no_word_with_the_query(shelf: Shelf):
    await put(
        shelf,
        {
            "one": "The moon raises the ocean twice a day, says the almanac.",
            "two": "Almanac: the moon and the ocean rise and fall.",
            "three": "An almanac lists high water.",
            # A term that stands in a tenth of the collection or more tells nothing.
            **{f"filler{number}": f"Page {number} is empty." for number in range(40)},
        },
    )
    asked = request(shelf, "moon ocean", search_type=KEYWORD, rerank=False)
    plain = await retriever(shelf).search(asked)
    index = ListeningIndex(shelf)
    widened = await retriever(shelf, index=index).search(
        replace(asked, switches=SearchSwitches(feedback=True))
    )
    assert "three" not in {r.document_id for r in plain.results}
    assert "almanac" in index.asked[1].added_terms
    assert {r.document_id for r in widened.results} >= {"one", "two", "three"}


async def test_feedback_of_nothing_found_adds_nothing(shelf: Shelf):
    asked = request(shelf, "xqzvwk", search_type=KEYWORD, switches=SearchSwitches(feedback=True))
    answer = await retriever(shelf).search(asked)
    assert answer.results == ()


async def test_variants_by_rule_are_searched_beside_the_query(shelf: Shelf):
    index = ListeningIndex(shelf)
    asked = request(shelf, "What is a suspension bridge?", switches=SearchSwitches(variants=True))
    answer = await retriever(shelf, index=index).search(asked)
    assert [query.text for query in index.asked] == [asked.query, "suspension bridge"]
    assert answer.results[0].document_id == "cable"
    assert answer.degraded == ()


async def test_variants_of_every_search_are_those_of_rules_and_a_request_may_refuse_them(
    shelf: Shelf,
):
    model = FakeLanguageModel([])
    index = ListeningIndex(shelf)
    varying = retriever(shelf, index=index, is_varying=True, language_model=model)
    asked = request(shelf, "What is a suspension bridge?")
    await varying.search(asked)
    assert [query.text for query in index.asked] == [asked.query, "suspension bridge"]
    assert model.prompts == []
    index.asked.clear()
    await varying.search(replace(asked, switches=SearchSwitches(variants=False)))
    assert [query.text for query in index.asked] == [asked.query]


async def test_a_language_model_words_three_phrasings_and_two_terms(shelf: Shelf):
    reply = {"phrasings": ["bread wild", "yeast rising", "dough"], "terms": ["moon", "tides"]}
    model = FakeLanguageModel([[json.dumps(reply)]])
    index = ListeningIndex(shelf)
    asked = request(shelf, "sourdough", switches=SearchSwitches(variants=True))
    answer = await retriever(shelf, index=index, language_model=model).search(asked)
    texts = [query.text for query in index.asked]
    assert texts == ["sourdough", *reply["phrasings"], "moon tides"]
    assert index.asked[-1].encoding is None
    assert answer.results[0].document_id == "bread"
    assert "tide" in {r.document_id for r in answer.results}


async def test_variants_are_made_from_the_corrected_query_and_for_who_asks(shelf: Shelf):
    model = FakeLanguageModel([[json.dumps({"phrasings": ["bridges"], "terms": []})]])
    switches = SearchSwitches(variants=True, role="engineer")
    asked = request(shelf, "suspenison bridge", switches=switches)
    await retriever(shelf, language_model=model).search(asked)
    assert model.prompts[0][-1].content == (
        "The person who asks: engineer\n<query>suspension bridge</query>"
    )


async def test_variants_write_out_the_short_forms_of_the_collection(shelf: Shelf):
    async with shelf.database.transaction(shelf.tenant) as connection:
        synonyms = StoredSynonyms(entries={"SB": ["suspension bridge"]})
        await save_synonyms(connection, shelf.collection, synonyms)
    index = ListeningIndex(shelf)
    asked = request(shelf, "SB towers", switches=SearchSwitches(variants=True))
    await retriever(shelf, index=index).search(asked)
    assert index.asked[-1].text == "suspension bridge towers"


async def test_a_failing_language_model_is_replaced_by_rules_and_named(shelf: Shelf):
    model = FakeLanguageModel([[ProviderError("No.")]])
    asked = request(shelf, "What is a suspension bridge?", switches=SearchSwitches(variants=True))
    answer = await retriever(shelf, language_model=model).search(asked)
    assert answer.degraded == ("language_model",)
    assert answer.results[0].document_id == "cable"


async def test_variants_that_cannot_be_embedded_are_left_out_and_named(shelf: Shelf):
    asked = request(
        shelf,
        "What is a suspension bridge?",
        search_type=SearchType.HYBRID,
        switches=SearchSwitches(variants=True),
    )
    answer = await retriever(shelf, embedder=failing(ProviderError("No."))).search(asked)
    assert answer.degraded == ("embedder", "variants")
    assert answer.results[0].document_id == "cable"


async def test_a_variant_counts_less_than_the_query_itself(shelf: Shelf):
    own = await script(shelf, {"arch": 0.9, "tide": 0.3, "bread": 0.2}, {})
    other = await script(shelf, {"beam": 0.9, "arch": 0.5, "tide": 0.1}, {})
    index = IndexByText({"What is an arch?": own, "arch": other})
    asked = request(shelf, "What is an arch?", switches=SearchSwitches(variants=True))
    answer = await retriever(shelf, index=index).search(asked)
    assert [r.document_id for r in answer.results] == ["arch", "beam", "tide", "bread"]


async def test_added_terms_weigh_as_told(shelf: Shelf):
    index = PostgresSearchIndex(shelf.database, shelf.space)
    encoding = await FakeEmbedder(DIMENSION).embed_query("bread")
    plain = AnalysedQuery("bread", ("bread",), encoding)
    half = replace(plain, terms=(), added_terms={"bread": 0.5})
    twice = replace(plain, added_terms={"bread": 1.0})
    mixed = replace(plain, added_terms={"yeast": 0.25, "xqzvwk": 0.1})
    scores = [
        next(iter((await index.search(shelf.scope, query, KEYWORD, 10)).keyword.values()))
        for query in (plain, half, twice, mixed)
    ]
    assert scores[:3] == pytest.approx([scores[0], scores[0] / 2, scores[0] * 2], rel=1e-3)
    assert scores[0] < scores[3] < scores[2]
