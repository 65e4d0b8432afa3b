"""A search's explanation of a result, in a few lines for a person."""

from __future__ import annotations

from typing import Any

from groundwell.cli.console import out

_INDENT = "   "
# More than fit on a line or two tell a person less. The JSON has them all.
_MOST_TERMS = 8
_MOST_WORDS = 8
# Name, rank and score of each stage, in the order in which they run.
_STAGES = (
    ("dense", "rank_dense", "dense"),
    ("keyword", "rank_keyword", "keyword"),
    ("fused", "rank_fused", "fused"),
    ("reranked", "rank_reranked", "blended"),
    ("smoothed", "rank_smoothed", "smoothed"),
)


def show_explanation(explanation: dict[str, Any]) -> None:
    """Print the ranks, the terms and the pairs of words, a line of each that there is."""
    _show_line("ranks", _ranks(explanation))
    if explanation["terms"]:
        _show_line("terms", _terms(explanation["terms"]))
    if explanation["word_matches"]:
        _show_line("words", _words(explanation["word_matches"]))


def _show_line(name: str, line: str) -> None:
    out.print(f"{_INDENT}{name}  ", style="cyan", markup=False, end="")
    out.print(line, style="dim", markup=False)


def _ranks(explanation: dict[str, Any]) -> str:
    stages = [
        f"{name} -"
        if explanation[rank] is None
        else f"{name} {explanation[rank]} ({_number(explanation[score])})"
        for name, rank, score in _STAGES
    ]
    if explanation.get("metadata") is not None:
        stages.insert(2, f"metadata ({_number(explanation['metadata'])})")
    return " → ".join([*stages, f"final {explanation['rank_final']}"])


def _terms(terms: list[dict[str, Any]]) -> str:
    held = [term for term in terms if term["weight"] > 0]
    parts = [
        f"{_name(term)} {_number(term['weight'])} (idf {_number(term['idf'])}, "
        f"{term['frequency']}×)"
        for term in held[:_MOST_TERMS]
    ]
    parts += _rest(len(held) - _MOST_TERMS)
    missing = [_name(term) for term in terms if term["frequency"] == 0]
    if missing:
        parts.append("not here: " + ", ".join(missing[:_MOST_TERMS]))
    return " · ".join(parts)


def _name(term: dict[str, Any]) -> str:
    """The query's own words rather than the stem that they became, where there are any."""
    return "/".join(term["words"]) or str(term["term"])


def _words(matches: list[dict[str, Any]]) -> str:
    order = sorted(matches, key=lambda match: -float(match["contribution"]))
    parts = [_pair(match) for match in order[:_MOST_WORDS]]
    return " · ".join([*parts, *_rest(len(order) - _MOST_WORDS)])


def _pair(match: dict[str, Any]) -> str:
    place = " (heading)" if match["place"] == "heading" else ""
    share = f"{_number(match['similarity'])} × {_number(match['weight'])}"
    return f"{match['word']} → {match['partner']}{place} {share}"


def _rest(count: int) -> list[str]:
    return [f"{count} more"] if count > 0 else []


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
