"""What an evaluation writes: JSON and the report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.unit.cli.evaluation.setting import BAD, GOOD, make_evaluation, make_run

from groundwell.cli.evaluation.charts import (
    Series,
    difference_chart,
    distribution_chart,
    latency_chart,
    nice_ceiling,
)
from groundwell.cli.evaluation.report import make_report, write_report
from groundwell.cli.evaluation.results import as_json, read_baseline, write_json
from groundwell.cli.evaluation.table import show
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.evaluation import MEASURES, JudgedQuery
from groundwell.learning.significance import compare_runs

TITLES = {"a": "Title of <a>", "x": "Something else"}


def test_json_has_the_figures_that_scripts_read(tmp_path: Path) -> None:
    found = as_json(make_evaluation(tmp_path, make_run("hybrid", GOOD)))
    assert set(MEASURES) <= set(found)
    assert found["mrr@10"] == 0.75
    assert (found["queries"], found["documents"], found["ingest_docs_per_s"]) == (2, 5, 12.5)
    assert (found["latency_ms"]["p50"], found["latency_ms"]["p95"]) == (3.0, 5.0)
    assert found["latency_ms"]["stages"]["total"] == {"p50": 2.0, "p95": 4.0}
    assert found["config"] == {"search_type": "hybrid"}
    assert found["missing_documents"] == 1
    assert [entry["query_id"] for entry in found["per_query"]] == ["q1", "q2"]
    assert found["per_query"][0]["found"] == ["a", "b", "x"]
    assert "comparison" not in found


def test_json_of_a_comparison_is_about_the_second_configuration(tmp_path: Path) -> None:
    found = as_json(make_evaluation(tmp_path, make_run("keyword", BAD), make_run("hybrid", GOOD)))
    assert (found["name"], found["baseline"]) == ("hybrid", "keyword")
    assert found["baseline_runs"][0]["mrr@10"] == pytest.approx(1 / 6, abs=1e-6)
    lines = {line["measure"]: line for line in found["comparison"]["differences"]}
    assert lines["mrr@10"]["difference"] == pytest.approx(0.75 - 1 / 6)
    assert lines["mrr@10"]["better"] == 2


def test_a_written_run_can_be_compared_with_later(tmp_path: Path) -> None:
    run = make_run("hybrid", GOOD)
    evaluation = make_evaluation(tmp_path, run)
    write_json(evaluation, tmp_path / "before.json")
    baseline = read_baseline(tmp_path / "before.json", evaluation.collection)
    assert baseline.name == "before.json (hybrid)"
    compared = compare_runs(baseline.by_query, run.by_query())
    assert compared is not None
    assert {line.equal for line in compared.differences} == {2}
    assert {line.p_value for line in compared.differences} == {1.0}


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"per_query": [{}]}', "null"])
def test_any_other_file_is_no_baseline(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InvalidInputError, match="is not a file that `groundwell eval --json` "):
        read_baseline(tmp_path / "x.json", make_evaluation(tmp_path).collection)


def test_a_run_over_other_data_is_no_baseline(tmp_path: Path) -> None:
    evaluation = make_evaluation(tmp_path, make_run("hybrid", GOOD))
    write_json(evaluation, tmp_path / "before.json")
    changed = replace(evaluation.collection, digest="another")
    with pytest.raises(InvalidInputError, match="the checksums of corpus, queries and judgements"):
        read_baseline(tmp_path / "before.json", changed)


def test_a_run_without_a_common_query_is_no_baseline(tmp_path: Path) -> None:
    evaluation = make_evaluation(tmp_path, make_run("hybrid", GOOD))
    write_json(evaluation, tmp_path / "before.json")
    changed = replace(evaluation.collection, queries=(JudgedQuery("q9", "ninth", {"a": 1}),))
    with pytest.raises(InvalidInputError, match="has no query in common with this split"):
        read_baseline(tmp_path / "before.json", changed)


def test_settings_stand_beside_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation = make_evaluation(tmp_path, make_run("hybrid", GOOD))
    with_settings = replace(evaluation, settings={"fusion": "rrf", "smoothing": False})
    assert as_json(with_settings)["settings"] == {"fusion": "rrf", "smoothing": False}
    assert as_json(evaluation)["settings"] is None
    show(with_settings)
    shown = capsys.readouterr().out
    assert shown.index('Settings: fusion="rrf", smoothing=false') < shown.index("nDCG@10")
    assert "Settings: fusion=" in read_page(make_report(with_settings, TITLES)).text


def test_a_comparison_says_how_many_queries_it_is_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(make_evaluation(tmp_path, make_run("keyword", BAD), make_run("hybrid", GOOD)))
    assert "Queries in common: 2\n" in capsys.readouterr().out


class _Page(HTMLParser):
    """The tags of a page, checked for balance, and what it loads from elsewhere."""

    VOID = frozenset({"meta", "input", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.loaded: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.loaded += [str(value) for name, value in attributes if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        del attributes
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read_page(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    assert page.open == []
    return page


def test_the_report_is_one_file_that_loads_nothing(tmp_path: Path) -> None:
    page = read_page(make_report(make_evaluation(tmp_path, make_run("hybrid", GOOD)), TITLES))
    assert page.loaded == []
    assert "url(" not in page.text
    assert page.seen.count("svg") == 2


def test_the_report_of_a_comparison_shows_what_changed(tmp_path: Path) -> None:
    evaluation = make_evaluation(tmp_path, make_run("keyword", BAD), make_run("hybrid", GOOD))
    page = read_page(make_report(evaluation, TITLES))
    assert page.seen.count("svg") == 3
    assert "2 queries gained, 0 lost, 0 stayed." in page.text
    assert "A: keyword" in page.text
    assert "B: hybrid" in page.text


def test_runs_that_are_alike_make_a_report_as_well(tmp_path: Path) -> None:
    evaluation = make_evaluation(tmp_path, make_run("one", GOOD), make_run("two", GOOD))
    assert read_page(make_report(evaluation, {})).seen.count("svg") == 2


def test_the_report_shows_texts_as_they_are(tmp_path: Path) -> None:
    html = make_report(make_evaluation(tmp_path, make_run("</style><b>", GOOD)), TITLES)
    assert "<foremost>" not in html
    assert "</style><b>" not in html
    text = read_page(html).text
    assert "first & <foremost>" in text
    assert "Title of <a>" in text


def test_the_worst_query_comes_first_with_what_was_expected(tmp_path: Path) -> None:
    run = make_run("hybrid", {"q1": ("a", "b"), "q2": ("x",)})
    html = make_report(make_evaluation(tmp_path, run), TITLES)
    entries = re.findall(r"<details.*?</details>", html, re.DOTALL)
    assert "second" in entries[0]
    assert "grade 1, not found" in entries[0]
    assert "(not in the corpus)" in entries[0]
    assert '<li class="relevant">Title of &lt;a&gt;' in entries[1]


def test_titles_are_read_from_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"_id": "a", "title": "The title of a"}))
    write_report(make_evaluation(tmp_path, make_run("hybrid", GOOD)), tmp_path / "report.html")
    assert "The title of a" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("value", "ceiling"), [(0, 1), (0.3, 0.4), (1, 1), (41, 50), (61.3, 80), (99, 100), (101, 200)]
)
def test_axes_end_at_a_round_number(value: float, ceiling: float) -> None:
    assert nice_ceiling(value) == pytest.approx(ceiling)


def test_every_query_stands_in_one_bar_of_the_distribution() -> None:
    svg = distribution_chart([Series("run", (0.0, 0.05, 0.5, 1.0))])
    counts = [int(count) for count in re.findall(r"run: (\d+) queries", svg)]
    assert counts == [2, 0, 0, 0, 0, 1, 0, 0, 0, 1]


def test_bars_keep_inside_the_picture() -> None:
    svg = difference_chart([("up", 0.9), ("down", -0.4)])
    svg += latency_chart(["a"], [Series("r", (1.0,))], [Series("r", (97.0,))])
    for x, width in re.findall(r'<rect x="([\d.]+)".*? width="([\d.]+)"', svg):
        assert float(x) + float(width) <= 640
