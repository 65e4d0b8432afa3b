"""Exact BM25 over whole documents with our analyser: the figure that keyword search must reach.

    python bench/bm25_reference.py FOLDER [COLLECTION ...]

FOLDER holds collections in BEIR form: corpus.jsonl.gz, queries.jsonl, qrels/test.tsv. Prints
nDCG@10 (gain = grade, discount = log2(rank + 1), as trec_eval) for several k1 and b.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groundwell.domain.analysis import analyse
from groundwell.domain.bm25 import idf

SETTINGS = [(0.9, 0.4), (1.2, 0.75)] + [
    (k1, b) for k1 in (0.9, 1.2, 1.5, 2.0) for b in (0.3, 0.5, 0.6, 0.75, 0.9)
]
COLLECTIONS = ["nfcorpus", "cranfield", "cacm", "medline", "cisi", "vaswani"]

Judgements = dict[str, dict[str, int]]


class ExactIndex:
    """Postings in memory: for each term the documents and how often it stands in them."""

    def __init__(self, texts: list[str]) -> None:
        postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        lengths = []
        for number, text in enumerate(texts):
            counts = Counter(analyse(text))
            lengths.append(counts.total())
            for term, count in counts.items():
                postings[term].append((number, count))
        self.lengths = np.array(lengths, dtype=np.float64)
        self.postings = {term: np.array(rows).T for term, rows in postings.items()}

    def score(self, query: str, k1: float, b: float) -> NDArray[np.float64]:
        """BM25 of every document."""
        return self.score_terms(Counter(analyse(query)), k1, b)

    def score_terms(self, weights: Mapping[str, float], k1: float, b: float) -> NDArray[np.float64]:
        """BM25 of every document for terms that count by their weights."""
        saturation = k1 * (1 - b + b * self.lengths / self.lengths.mean())
        scores = np.zeros(len(self.lengths))
        for term, weight in weights.items():
            if term in self.postings:
                documents, counts = self.postings[term]
                rarity = weight * idf(len(self.lengths), len(documents))
                scores[documents] += rarity * counts / (counts + saturation[documents])
        return scores


def ndcg(ranked: list[str], judged: dict[str, int], depth: int = 10) -> float:
    """Normalised discounted cumulative gain of a ranking."""

    def gain(grades: list[int]) -> float:
        return sum(max(grade, 0) / math.log2(rank + 2) for rank, grade in enumerate(grades[:depth]))

    ideal = gain(sorted(judged.values(), reverse=True))
    return gain([judged.get(document, 0) for document in ranked]) / ideal if ideal else 0.0


def load(folder: Path) -> tuple[list[str], list[str], dict[str, str], Judgements]:
    """Ids, texts, queries and judgements of a collection."""
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    ids = [document["_id"] for document in documents]
    texts = [f"{document.get('title') or ''}\n{document['text']}" for document in documents]
    with (folder / "queries.jsonl").open(encoding="utf-8") as lines:
        queries = {query["_id"]: query["text"] for query in map(json.loads, lines)}
    judgements: Judgements = defaultdict(dict)
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8") as rows:
        for query, document, grade in list(csv.reader(rows, delimiter="\t"))[1:]:
            judgements[query][document] = int(grade)
    return ids, texts, queries, judgements


def measure(folder: Path) -> dict[tuple[float, float], float]:
    """Mean nDCG@10 of one collection for each setting."""
    ids, texts, queries, judgements = load(folder)
    index = ExactIndex(texts)
    judged = {q: grades for q, grades in judgements.items() if max(grades.values()) > 0}
    means = {}
    for k1, b in SETTINGS:
        values = []
        for query, grades in judged.items():
            scores = index.score(queries[query], k1, b)
            best = np.argsort(-scores, kind="stable")[:10]
            values.append(ndcg([ids[i] for i in best if scores[i] > 0], grades))
        means[k1, b] = float(np.mean(values))
    return means


def main() -> None:
    """Measure the collections named on the command line."""
    folder, *names = sys.argv[1:]
    results = {}
    for name in names or COLLECTIONS:
        started = time.perf_counter()
        results[name] = measure(Path(folder) / name)
        print(f"# {name}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    print("k1    b    ", *(f"{name:>10}" for name in results), f"{'mean':>10}")
    for k1, b in SETTINGS:
        row = [means[k1, b] for means in results.values()]
        print(f"{k1:<5} {b:<5}", *(f"{value:>10.4f}" for value in [*row, np.mean(row)]))


if __name__ == "__main__":
    main()
