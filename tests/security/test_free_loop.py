"""Hostile passages hold up nobody else: what is made of them is made beside the event loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from tests.conftest import Tenant, finished, upload
from tests.fakes.language_model import FakeLanguageModel
from tests.security.endless_texts import NAMES, endless
from tests.security.loop_watch import watched_loop
from tests.security.seed import dice, tell
from tests.unit.generation.setting import DIMENSION, WordEmbedder, found, passage
from tests.unit.generation.setting import finished as finished_answer

from groundwell.domain.analysis import MAX_TERM_BYTES, analyse
from groundwell.domain.answers import AnswerMode
from groundwell.domain.chunks import Encoding
from groundwell.domain.search import SearchResponse
from groundwell.generation.answer import Answerer, AnswerOptions
from groundwell.generation.cite import Draft
from groundwell.generation.extract import extract
from groundwell.generation.passages import FirstPage, readable

PASSAGES = 8
# The longest chunk of any profile.
CHARACTERS = 20_000
# Others are at work on the machine, too. One such passage alone took a second.
CHARACTERS_OF_A_WINDOW = 512 * 40
MOST_SECONDS = 0.25
CITED = 40
ROOM = AnswerOptions(context_chars=CITED * CHARACTERS * 2)
# A machine that is slow for a moment makes a stall longer, and none goes away by itself.
MOST_TIMES = 3
LIGATURE = "\ufdfa"
ALIKE = np.full(DIMENSION, DIMENSION**-0.5, np.float32)


class AloofEmbedder(WordEmbedder):
    """Takes no time, and finds that no text bears on any query, so that words have to."""

    async def embed_query(self, text: str) -> Encoding:
        del text
        return Encoding(-ALIKE, np.zeros((0, DIMENSION), np.float32))

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        return [Encoding(ALIKE, np.zeros((0, DIMENSION), np.float32)) for _ in texts]


def ligatures_in_words(characters: int) -> str:
    """Words that differ, each of a few letters that stand for 18."""
    throw = dice("words")
    words = ("".join(throw.choices("abcdefgh", k=3)) + LIGATURE * 2 for _ in range(characters // 6))
    return "Otter pond. " + " ".join(words)


def ligatures_in_sentences(characters: int) -> str:
    """Sentences just short enough to be quoted, all of such letters."""
    return "Otter pond. " + f"Otter pond {LIGATURE * 500}.\n\n" * (characters // 515)


HOSTILE: dict[str, Callable[[int], str]] = {
    "one word": lambda characters: endless("a letter that stands for 18", characters),
    "many words": ligatures_in_words,
    "many sentences": ligatures_in_sentences,
    "empty lines": lambda characters: "Otter pond" + "\n \r" * (characters // 3) + "otter.",
}


def hostile_response(name: str) -> SearchResponse:
    texts = [HOSTILE[name](CHARACTERS) for _ in range(PASSAGES)]
    return found(*(passage(text, f"{place}.txt") for place, text in enumerate(texts)))


@pytest.mark.parametrize("name", HOSTILE)
async def test_an_answer_from_hostile_passages_holds_up_nobody(name: str) -> None:
    response = hostile_response(name)
    for _ in range(MOST_TIMES):
        begun = time.process_time()
        async with watched_loop() as stalls:
            await extract("otter pond", response, AloofEmbedder(), FirstPage())
        spent = time.process_time() - begun
        if stalls.longest < MOST_SECONDS:
            break
    tell(
        f"an answer from {PASSAGES} passages of {CHARACTERS:,} hostile characters ({name}):"
        f" {spent:.2f} s of CPU, others waited for {stalls.longest * 1000:.0f} ms at most"
    )
    assert stalls.longest < MOST_SECONDS


@pytest.mark.parametrize("name", ["many words", "many sentences"])
async def test_the_citations_of_a_model_hold_up_nobody(name: str) -> None:
    text = HOSTILE[name](CHARACTERS)
    sources = [passage(f"Otter pond {n}. {text}", f"{n}.txt") for n in range(CITED)]
    markers = "".join(f"Otter pond swims [{number}]. " for number in range(1, CITED + 1))
    begun = time.thread_time()
    Draft(sources, FirstPage()).feed(markers)
    whole = time.thread_time() - begun
    answerer = Answerer(AloofEmbedder(), FakeLanguageModel([[markers, "It is so."]]), ROOM)
    async with watched_loop() as stalls:
        events = [event async for event in answerer.answer("otter pond", found(*sources))]
    answer = finished_answer(events)
    tell(
        f"{len(answer.citations)} citations of hostile passages ({name}): {whole * 1000:.0f} ms at"
        f" once, others waited for {stalls.longest_own * 1000:.0f} ms of work at most"
    )
    assert answer.mode is AnswerMode.GENERATED
    assert len(answer.citations) == CITED
    assert stalls.longest_own < whole / 2


def test_no_text_without_end_is_slow_to_analyse() -> None:
    slowest = ("", 0.0)
    for name in NAMES:
        text = endless(name, CHARACTERS)
        for _ in range(MOST_TIMES):
            begun = time.process_time()
            terms = analyse(text)
            readable(text)
            spent = time.process_time() - begun
            if spent < MOST_SECONDS:
                break
        slowest = max(slowest, (name, spent), key=lambda each: each[1])
        assert all(0 < len(term.encode()) <= MAX_TERM_BYTES for term in terms), name
    tell(
        f"{len(NAMES)} endless texts of {CHARACTERS:,} characters: the slowest ({slowest[0]})"
        f" analysed in {slowest[1] * 1000:.0f} ms"
    )
    assert slowest[1] < MOST_SECONDS


@pytest.mark.parametrize(
    ("token", "terms"),
    [
        ("x" * 1_000, ["x" * 64]),
        ("otter-" * 300 + "pond", [*["otter"] * 300, "pond"]),
        ("otter_pond." * 100 + "x" * 300, [*["otter", "pond"] * 100, "x" * 64]),
        ("1" * 300, ["1" * 64]),
    ],
)
def test_a_word_without_end_is_indexed_by_its_parts(token: str, terms: list[str]) -> None:
    assert analyse(token) == terms
    assert analyse(f"a {token} heron") == [*terms, "heron"]


@pytest.mark.parametrize("repeated", ["a letter that stands for 18", "a pictogram"])
async def test_a_document_without_end_is_read_searched_and_asked_like_others(
    tenant: Tenant, repeated: str
) -> None:
    content = endless(repeated, 200_000).encode()
    for name in [f"w{number}" for number in range(MOST_TIMES)]:
        body = {"name": name, "chunking": "tokens"}
        made = await tenant.http.post("/api/v1/collections", json=body)
        assert made.status_code == 201, made.text
        async with watched_loop() as stalls:
            accepted = await upload(tenant, "endless.txt", content, collection=name)
            document = await finished(tenant, accepted.json()["document_id"], name, seconds=300)
            query = {"query": "heron pond", "collection": name}
            found = await tenant.http.post("/api/v1/search", json=query)
            asked = await tenant.http.post("/api/v1/ask", json=query)
        if stalls.longest < 2 * MOST_SECONDS:
            break
    assert document["status"] == "complete"
    assert (found.status_code, asked.status_code) == (200, 200)
    longest = max(len(result["text"]) for result in found.json()["results"])
    tell(
        f"{len(content):,} bytes of {repeated}: {document['chunk_count']} chunks, the longest"
        f" result {longest:,} characters, others waited for {stalls.longest * 1000:.0f} ms at most"
    )
    assert longest <= CHARACTERS_OF_A_WINDOW
    assert stalls.longest < 2 * MOST_SECONDS
