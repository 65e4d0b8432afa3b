"""Write what ir-measures makes of made-up rankings, as expected.json beside this file.

Run by hand in an environment with ir-measures: python tests/golden/measures/write_expected.py
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import ir_measures
from ir_measures import RR, P, R, nDCG

NAMES = {
    nDCG @ 10: "ndcg@10",
    RR @ 10: "mrr@10",
    R @ 5: "recall@5",
    R @ 10: "recall@10",
    R @ 100: "recall@100",
    P @ 5: "precision@5",
}


def make_case(chance: random.Random) -> dict[str, Any]:
    """A query's grades and a ranking, of which some judged documents are missing."""
    documents = [f"d{number}" for number in range(chance.choice([3, 12, 150]))]
    judged = chance.sample(documents, chance.randint(1, min(20, len(documents))))
    grades = {document: chance.choice([-1, 0, 1, 1, 2, 3]) for document in judged}
    grades[judged[0]] = chance.randint(1, 3)
    ranking = chance.sample(documents, chance.randint(1, len(documents)))[:100]
    return {"grades": grades, "ranking": ranking}


def expected(case: dict[str, Any]) -> dict[str, float]:
    """The measures of one case; the score of a document falls with its rank."""
    judgements = [ir_measures.Qrel("q", *pair) for pair in case["grades"].items()]
    run = [
        ir_measures.ScoredDoc("q", document, -rank) for rank, document in enumerate(case["ranking"])
    ]
    measured = ir_measures.calc_aggregate(list(NAMES), judgements, run)
    return {NAMES[measure]: value for measure, value in measured.items()}


def main() -> None:
    """Write the file."""
    chance = random.Random(4)
    cases = [make_case(chance) for _ in range(60)]
    for case in cases:
        case["expected"] = expected(case)
    path = Path(__file__).with_name("expected.json")
    path.write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
