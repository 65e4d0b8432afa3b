from __future__ import annotations

from typing import Any

import pytest

from groundwell.cli.explanation import show_explanation

TOLD: dict[str, Any] = {
    "dense": 0.4251,
    "keyword": None,
    "fused": 0.5,
    "rerank": 0.6834,
    "blended": 0.9,
    "smoothed": 0.75,
    "rank_dense": 3,
    "rank_keyword": None,
    "rank_fused": 2,
    "rank_reranked": 1,
    "rank_smoothed": 2,
    "rank_final": 2,
    "terms": None,
    "word_matches": None,
}


def term(name: str, weight: float, *words: str) -> dict[str, Any]:
    frequency = int(weight > 0)
    return {"term": name, "words": words, "idf": 2.5, "frequency": frequency, "weight": weight}


def match(word: str, partner: str, contribution: float, place: str = "text") -> dict[str, Any]:
    found = {"word": word, "partner": partner, "place": place}
    return {**found, "similarity": 0.5, "weight": 0.25, "contribution": contribution}


def shown(capsys: pytest.CaptureFixture[str], **fields: object) -> list[str]:
    show_explanation({**TOLD, **fields})
    return capsys.readouterr().out.splitlines()


def test_ranks_are_shown_from_stage_to_stage(capsys: pytest.CaptureFixture[str]):
    (line,) = shown(capsys)
    assert line == (
        "   ranks  dense 3 (0.425) → keyword - → fused 2 (0.5) → reranked 1 (0.9)"
        " → smoothed 2 (0.75) → final 2"
    )


def test_terms_are_shown_by_the_words_of_the_query(capsys: pytest.CaptureFixture[str]):
    terms = [term("rang", 2.25, "range", "ranges"), term("tide", 1.5), term("moon", 0.0, "Moon")]
    assert shown(capsys, terms=terms)[1] == (
        "   terms  range/ranges 2.25 (idf 2.5, 1×) · tide 1.5 (idf 2.5, 1×) · not here: Moon"
    )


def test_pairs_of_words_are_shown_with_what_gave_most_first(capsys: pytest.CaptureFixture[str]):
    matches = [match("how", "[bold]", 0.1), match("tides", "tide", 0.2, "heading")]
    assert shown(capsys, word_matches=matches)[1] == (
        "   words  tides → tide (heading) 0.5 × 0.25 · how → [bold] 0.5 × 0.25"
    )


def test_of_many_terms_and_words_the_rest_is_counted(capsys: pytest.CaptureFixture[str]):
    terms = [term(f"t{number}", 1.0) for number in range(11)]
    matches = [match(f"w{number}", "x", 1.0) for number in range(9)]
    _, first, second = shown(capsys, terms=terms, word_matches=matches)
    assert first.endswith(" · t7 1 (idf 2.5, 1×) · 3 more")
    assert second.endswith(" · w7 → x 0.5 × 0.25 · 1 more")


def test_colours_are_off_when_the_output_is_not_a_terminal(capsys: pytest.CaptureFixture[str]):
    assert not any("\x1b" in line for line in shown(capsys, terms=[term("a", 1.0)]))
