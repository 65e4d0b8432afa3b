"""What spelling correction and pseudo-relevance feedback do to keyword search.

    python bench/query_understanding.py FOLDER [COLLECTION ...]

FOLDER holds collections in BEIR form, as for bm25_reference.py. Prints nDCG@10 of exact BM25 over
whole documents for: the queries as they are; corrected; with their rarest word of five letters or
more mistyped by one random edit; mistyped and corrected; and expanded from the first ten documents
by RM3. Also how many words of the queries as they are were changed.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from string import ascii_lowercase

import numpy as np

from bm25_reference import COLLECTIONS, ExactIndex, load, ndcg
from groundwell.domain.analysis import analyse
from groundwell.domain.bm25 import K1, B
from groundwell.retrieval.english_words import EnglishWords
from groundwell.retrieval.feedback_terms import FeedbackPassage, Statistics, rm3
from groundwell.retrieval.spelling import SpellingCorrector

COLUMNS = ["clean", "corrected", "mistyped", "mended", "rm3"]
DEPTH = 10


class KnownTerms:
    """The terms of a collection with their frequencies, held in memory."""

    def __init__(self, frequencies: Mapping[str, int]) -> None:
        self._frequencies = frequencies

    async def frequencies(self, terms: Collection[str]) -> Mapping[str, int]:
        """Those of `terms` that occur, with their frequencies."""
        return {term: self._frequencies[term] for term in terms if term in self._frequencies}


def mistyped(query: str, frequencies: dict[str, int], chance: random.Random) -> str:
    """The query with one edit in its rarest longer word."""
    words = [word for word in re.finditer(r"\b[A-Za-z]{5,}\b", query) if analyse(word[0])]
    if not words:
        return query
    word = min(words, key=lambda found: frequencies.get(analyse(found[0])[0], 0))
    text, at = word[0], chance.randrange(1, len(word[0]))
    letter = chance.choice(ascii_lowercase)
    edits = (
        text[:at] + text[at + 1 :],
        text[:at] + letter + text[at:],
        text[:at] + letter + text[at + 1 :],
        text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :],
    )
    return query[: word.start()] + chance.choice(edits) + query[word.end() :]


async def measure(folder: Path, corrector: SpellingCorrector) -> tuple[list[float], int, int]:
    """Mean nDCG@10 for each column, the number of queries, and of words changed in them."""
    ids, texts, queries, judgements = load(folder)
    index, counts = ExactIndex(texts), [Counter(analyse(text)) for text in texts]
    frequencies = {term: rows.shape[1] for term, rows in index.postings.items()}
    vocabulary, statistics = KnownTerms(frequencies), Statistics(len(ids), frequencies)
    chance, values, changed = random.Random(1), [], 0
    for query, grades in judgements.items():
        if max(grades.values()) <= 0:
            continue
        clean = queries[query]
        corrected = await corrector.correct(clean, vocabulary)
        changed += len(corrected.corrections)
        wrong = mistyped(clean, frequencies, chance)
        mended = await corrector.correct(wrong, vocabulary)
        scores = index.score(clean, K1, B)
        first = [
            FeedbackPassage(counts[number], float(scores[number]))
            for number in np.argsort(-scores, kind="stable")[:DEPTH]
            if scores[number] > 0
        ]
        runs: list[Mapping[str, float]] = [
            Counter(analyse(text)) for text in (clean, corrected.text, wrong, mended.text)
        ]
        expanded = {each.term: each.weight for each in rm3(analyse(clean), first, statistics)}
        row = []
        for weights in (*runs, expanded):
            found = index.score_terms(weights, K1, B)
            best = np.argsort(-found, kind="stable")[:DEPTH]
            row.append(ndcg([ids[number] for number in best if found[number] > 0], grades))
        values.append(row)
    return [float(mean) for mean in np.mean(values, axis=0)], len(values), changed


def main() -> None:
    """Measure the collections named on the command line."""
    folder, *names = sys.argv[1:]
    corrector = SpellingCorrector(EnglishWords())
    print(f"{'':12}", *(f"{column:>10}" for column in COLUMNS), f"{'queries':>8} changed words")
    rows = []
    for name in names or COLLECTIONS:
        means, queries, changed = asyncio.run(measure(Path(folder) / name, corrector))
        rows.append(means)
        print(f"{name:12}", *(f"{mean:>10.4f}" for mean in means), f"{queries:>8} {changed}")
    print(f"{'mean':12}", *(f"{mean:>10.4f}" for mean in np.mean(rows, axis=0)))


if __name__ == "__main__":
    main()
