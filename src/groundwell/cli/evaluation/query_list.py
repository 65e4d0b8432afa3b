"""The queries of a report: what each found, and what it was expected to find."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from groundwell.cli.evaluation.results import Evaluation
from groundwell.domain.evaluation import QueryResult

_SHOWN_QUERIES = 500
_SHOWN_FOUND = 10
_SHOWN_EXPECTED = 20
_RANKED_BY = "ndcg@10"


def query_list(evaluation: Evaluation, titles: Mapping[str, str]) -> str:
    """A list to search in, the worst queries first; at most 500."""
    changes = {}
    if evaluation.comparison is not None:
        changes = {c.query_id: c.value - c.baseline for c in evaluation.comparison.changes}
    results = sorted(evaluation.measured.results, key=lambda result: result.measures[_RANKED_BY])
    entries = "".join(
        _entry(result, changes, titles, place)
        for place, result in enumerate(results[:_SHOWN_QUERIES])
    )
    most_lost = '<option value="change">most lost first</option>' if changes else ""
    cut = f" The {_SHOWN_QUERIES} worst are listed." if len(results) > _SHOWN_QUERIES else ""
    return (
        '<p class="soft">The number is nDCG@10'
        f"{', and its change' if changes else ''}. Relevant documents are marked.{cut}</p>"
        '<div class="tools"><input id="wanted" type="search" aria-label="Search the queries" '
        'placeholder="Words of a query, a title or an id">'
        '<select id="order" aria-label="Order"><option value="place">worst first</option>'
        f'<option value="back">best first</option>{most_lost}</select>'
        f'<span id="count" class="soft"></span></div><div id="queries">{entries}</div>'
    )


def _entry(
    result: QueryResult, changes: Mapping[str, float], titles: Mapping[str, str], place: int
) -> str:
    query = result.query
    step = changes.get(query.id, 0.0)
    shown_step = ""
    if changes:
        kind = "gain" if step > 0 else "loss" if step < 0 else "soft"
        said = f"{step:+.3f}" if step else "="
        shown_step = f'<span class="number {kind}">{said}</span>'
    return (
        f'<details data-place="{place}" data-back="{-place}" data-change="{step:.6f}"><summary>'
        f'<span class="number">{result.measures[_RANKED_BY]:.3f}</span>{shown_step}'
        f'<span class="query">{escape(query.text)} <span class="soft">{escape(query.id)}</span>'
        f"</span></summary>{_details(result, titles)}</details>"
    )


def _details(result: QueryResult, titles: Mapping[str, str]) -> str:
    grades = result.query.grades
    found = "".join(
        _document(document, titles, is_relevant=grades.get(document, 0) > 0)
        for document in result.ranking[:_SHOWN_FOUND]
    )
    ranks = {document: rank for rank, document in enumerate(result.ranking, start=1)}
    relevant = sorted(
        (document for document, grade in grades.items() if grade > 0),
        key=lambda document: (-grades[document], ranks.get(document, len(ranks) + 1), document),
    )
    expected = "".join(
        _document(
            document,
            titles,
            is_relevant=ranks.get(document, _SHOWN_FOUND + 1) <= _SHOWN_FOUND,
            note=f"grade {grades[document]}, {_place(ranks.get(document))}",
        )
        for document in relevant[:_SHOWN_EXPECTED]
    )
    more = len(relevant) - _SHOWN_EXPECTED
    rest = f'<p class="soft">and {more} more</p>' if more > 0 else ""
    nothing = '<p class="soft">nothing</p>'
    return (
        f'<div class="columns"><div><h3>Found</h3>{f"<ol>{found}</ol>" if found else nothing}</div>'
        f'<div><h3>Expected</h3><ul class="expected">{expected}</ul>{rest}</div></div>'
    )


def _place(rank: int | None) -> str:
    return "not found" if rank is None else f"found at {rank}"


def _document(
    document: str, titles: Mapping[str, str], *, is_relevant: bool, note: str = ""
) -> str:
    kind = ' class="relevant"' if is_relevant else ""
    said = f"{document}, {note}" if note else document
    title = titles.get(document, "(not in the corpus)")
    return f'<li{kind}>{escape(title)} <span class="soft">{escape(said)}</span></li>'
