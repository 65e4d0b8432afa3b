"""What each step of the search is worth: every step switched, over many collections.

python bench/ablation.py --out FOLDER DIR[:SPLIT] ...

Each DIR is a BEIR folder. The product's own evaluation asks a server of its own over HTTP, once for
each configuration; what was measured is kept in FOLDER, and not measured again. Prints a table:
nDCG@10 of each configuration on each collection, the mean over the collections, and its difference
to the default's with the p-value of a paired randomisation test over the mean of the collections.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from groundwell.cli.evaluation.configuration import NamedConfiguration
from groundwell.cli.evaluation.folder import read_collection
from groundwell.cli.evaluation.run import Place, evaluate
from groundwell.learning.significance import randomisation_test

Scores: TypeAlias = dict[str, float]
"""nDCG@10 of each query, by id."""

MEASURE = "ndcg@10"
DEFAULT = "default"
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "BM25 alone": {"search_type": "keyword", "rerank": False},
    "dense alone": {"search_type": "semantic", "rerank": False},
    "hybrid, not reranked": {"rerank": False},
    "without smoothing": {"smoothing": False},
    "without spelling correction": {"spelling": False},
    DEFAULT: {},
    "with feedback (RM3)": {"feedback": True},
    "with variants by rule": {"variants": True},
    "fused by ranks (RRF)": {"fusion": "rrf"},
    "weights 0.7, 0.2, 0.1": {"dense_weight": 0.7, "keyword_weight": 0.2, "metadata_weight": 0.1},
    "one passage a document": {"max_per_document": 1},
    "diversity 0.3": {"diversity": 0.3},
    "one neighbour each side": {"neighbours": 1},
}


def main() -> None:
    """Measure what is not in the folder yet, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", help="BEIR folders, each with :SPLIT if not test")
    parser.add_argument("--out", type=Path, required=True, help="folder for what was measured")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    measured = {}
    for folder in options.folders:
        place, _, split = folder.partition(":")
        name = Path(place).name
        measured[name] = _measure(Path(place), split or "test", options.out / name)
    print(_table(measured))


def _measure(folder: Path, split: str, work: Path) -> dict[str, Scores]:
    """The scores of each configuration, measured or read from `work`.json."""
    kept = work.with_suffix(".json")
    known: dict[str, Scores] = json.loads(kept.read_text()) if kept.exists() else {}
    wanted = [name for name in CONFIGURATIONS if name not in known]
    if wanted:
        chosen = tuple(NamedConfiguration(name, CONFIGURATIONS[name]) for name in wanted)
        place = Place(None, None, None, None, work, concurrency=4)
        evaluation = evaluate(read_collection(folder, split), chosen, None, place)
        for run in evaluation.runs:
            if run.degraded:
                raise SystemExit(f"{folder}: parts of the search were away")
            by_query = run.by_query()
            known[run.configuration.name] = {q: by_query[q][MEASURE] for q in by_query}
        kept.write_text(json.dumps(known))
    return {name: known[name] for name in CONFIGURATIONS}


def _table(measured: dict[str, dict[str, Scores]]) -> str:
    lines = [
        "| configuration | " + " | ".join(measured) + " | mean | difference | p |",
        "|---|" + "---|" * (len(measured) + 3),
    ]
    for name in CONFIGURATIONS:
        means = [np.mean(list(runs[name].values())) for runs in measured.values()]
        difference, p_value = _compared(measured, name)
        is_default = name == DEFAULT
        told = "| |" if is_default else f"{difference:+.4f} | {p_value:.4f} |"
        cells = " | ".join(f"{mean:.3f}" for mean in means)
        lines.append(f"| {name} | {cells} | {np.mean(means):.4f} | {told}")
    return "\n".join(lines)


def _compared(measured: dict[str, dict[str, Scores]], name: str) -> tuple[float, float]:
    """The difference of the mean over collections to the default's, and its p-value.

    Each query counts by one over the number of its collection's queries, so that the sum of all
    weighted differences is the difference of the means.
    """
    weighted = [
        (runs[name][query] - score) / len(runs[DEFAULT]) / len(measured)
        for runs in measured.values()
        for query, score in runs[DEFAULT].items()
    ]
    differences = np.array(weighted)[:, None]
    return float(differences.sum()), float(randomisation_test(differences)[0])


if __name__ == "__main__":
    main()
