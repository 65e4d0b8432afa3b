"""`groundwell eval` with real servers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.running import (
    RunningServer,
    environment,
    groundwell,
    processes_of,
    running,
    wait_until_gone,
)

from groundwell.domain.evaluation import MEASURES

pytestmark = pytest.mark.slow

ANIMALS = [
    ("otter", "Otters hold hands while they sleep on the water."),
    ("badger", "Badgers live in setts, which they dig with strong claws."),
    ("swift", "Swifts sleep in the air and land only to breed."),
    ("mole", "Moles dig tunnels and eat earthworms."),
]
QUESTIONS = [
    ("1", "Which animals hold hands?", "otter"),
    ("2", "Who lives in setts?", "badger"),
    ("3", "What eats earthworms?", "mole"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("eval") / "data") as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small test collection in BEIR's form."""
    made = tmp_path / "animals"
    (made / "qrels").mkdir(parents=True)
    write(made / "corpus.jsonl", [{"_id": name, "text": text} for name, text in ANIMALS])
    write(made / "queries.jsonl", [{"_id": name, "text": text} for name, text, _ in QUESTIONS])
    judged = "".join(f"{name}\t{document}\t1\n" for name, _, document in QUESTIONS)
    (made / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return made


def write(path: Path, entries: list[dict[str, str]]) -> None:
    path.write_text("\n".join(json.dumps(entry) for entry in entries))


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def evaluate(server: RunningServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    return groundwell(server.data_dir, "eval", *arguments, "--url", server.url)


def test_a_folder_is_measured_on_a_server_of_its_own(folder: Path, tmp_path: Path) -> None:
    work, file = tmp_path / "work", tmp_path / "out.json"
    arguments = ("eval", str(folder), "--work", str(work), "--json", str(file))
    result = groundwell(tmp_path / "unused", *arguments)
    assert result.returncode == 0, result.stderr
    assert "nDCG@10" in result.stdout
    found = read(file)
    assert (found["queries"], found["documents"], found["config"]) == (3, 4, {})
    assert found["ingest_docs_per_s"] > 0
    assert found["ndcg@10"] == 1.0
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p95"]
    assert wait_until_gone(work) < 20


def test_configurations_are_compared_and_reported(
    server: RunningServer, folder: Path, tmp_path: Path
) -> None:
    json_file, html_file = tmp_path / "out.json", tmp_path / "out.html"
    compared = ("--compare", "search_type=keyword,rerank=false", "default")
    outputs = ("--json", str(json_file), "--html", str(html_file))
    result = evaluate(server, str(folder), *compared, *outputs)
    assert result.returncode == 0, result.stderr
    assert "A  search_type=keyword,rerank=false" in result.stdout
    found = read(json_file)
    assert [line["measure"] for line in found["comparison"]["differences"]] == list(MEASURES)
    assert found["baseline_runs"][0]["config"] == {"search_type": "keyword", "rerank": False}
    assert "earthworms" in html_file.read_text()
    again = evaluate(server, str(folder), "--against", str(json_file), "--json", str(json_file))
    assert again.returncode == 0, again.stderr
    # Everything was there already, and the same configuration finds the same.
    assert read(json_file)["ingest_docs_per_s"] is None
    assert {line["p_value"] for line in read(json_file)["comparison"]["differences"]} == {1.0}


def test_a_bad_option_is_refused_before_anything_is_ingested(
    server: RunningServer, folder: Path
) -> None:
    result = evaluate(server, str(folder), "-c", "untouched", "--config", "nonsense=1")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: 'nonsense=1' is not a configuration of searches")
    with server.client() as client:
        assert client.get("/api/v1/collections/untouched").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("queries.jsonl", "{", "queries.jsonl, line 1: not valid JSON"),
        ("corpus.jsonl", "{", "corpus.jsonl, line 1: not valid JSON"),
        ("qrels/test.tsv", "1 otter 1\n", "test.tsv, line 1: it needs a query's id"),
        ("qrels/test.tsv", "", "test.tsv holds no judgement"),
    ],
)
def test_a_broken_folder_is_one_sentence_and_nothing_is_ingested(
    server: RunningServer, folder: Path, name: str, content: str, sentence: str
) -> None:
    (folder / name).write_text(content)
    result = evaluate(server, str(folder), "-c", "untouched")
    assert result.returncode == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    with server.client() as client:
        assert client.get("/api/v1/collections/untouched").status_code == 404


def test_ctrl_c_stops_the_server_and_the_next_run_goes_on(folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    command = [sys.executable, "-m", "groundwell", "eval", str(folder), "--work", str(work)]
    process = subprocess.Popen(
        command, env=environment(tmp_path / "unused"), stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (work / "server" / "server.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in said
    wait_until_gone(work)
    assert processes_of(work) == []
    result = groundwell(tmp_path / "unused", "eval", str(folder), "--work", str(work))
    assert result.returncode == 0, result.stderr
