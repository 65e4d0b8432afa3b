"""`groundwell eval` with real servers."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.running import (
    COMMAND_SECONDS,
    START_SECONDS,
    RunningServer,
    environment,
    groundwell,
    processes_of,
    running,
    wait_until_gone,
)
from tests.seeds import IS_LONG

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
    assert found["settings"] == {"model_threads": 1}
    assert found["ingest_docs_per_s"] > 0
    assert found["ndcg@10"] == 1.0
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p95"]
    wait_until_gone(work)


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


def test_judgements_that_the_server_keeps_are_measured(
    server: RunningServer, folder: Path, tmp_path: Path
) -> None:
    before = evaluate(server, str(folder), "-c", "animals", "--json", str(tmp_path / "1.json"))
    assert before.returncode == 0, before.stderr
    judged = [
        {"query": text, "relevant": [{"document_id": document}, {"document_id": "a/b c"}]}
        for _, text, document in QUESTIONS
    ]
    kept = {"name": "keepers", "collection": "animals", "judgements": judged}
    with server.client() as client:
        assert client.post("/api/v1/evals/sets", json=kept).status_code == 201
    file = tmp_path / "2.json"
    command = ("eval", "--set", "keepers", "--json", str(file), "--work", str(tmp_path / "work"))
    result = groundwell(server.data_dir, *command)
    assert result.returncode == 0, result.stderr
    assert "keepers: 3 queries, 4 documents" in result.stdout
    assert "not in the corpus" in result.stderr
    found = read(file)
    assert (found["dataset"], found["split"], found["missing_documents"]) == ("keepers", None, 1)
    assert found["recall@5"] == 0.5
    again = groundwell(server.data_dir, *command, "--against", str(file))
    assert again.returncode == 0, again.stderr
    unknown = groundwell(server.data_dir, "eval", "--set", "none")
    assert "Those that there are: keepers." in unknown.stderr
    both = groundwell(server.data_dir, "eval", str(folder), "--set", "keepers")
    assert both.returncode == 2


def test_a_file_that_cannot_be_written_costs_no_measurement(
    server: RunningServer, folder: Path, tmp_path: Path
) -> None:
    refused = evaluate(server, str(folder), "-c", "untouched", "--json", str(tmp_path))
    assert refused.returncode == 1
    assert refused.stderr == f"Error: {tmp_path} is a folder: name a file to write.\n"
    with server.client() as client:
        assert client.get("/api/v1/collections/untouched").status_code == 404
    late = evaluate(server, str(folder), "--json", "/dev/full")
    assert late.returncode == 1
    assert "nDCG@10" in late.stdout
    assert late.stderr == "Error: /dev/full cannot be written: No space left on device.\n"


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
        ("queries.jsonl", b"{", "queries.jsonl, line 1: not valid JSON"),
        ("queries.jsonl", b'{"_id": "1", "text": "\xff"}', "queries.jsonl, line 1: not valid JSON"),
        ("corpus.jsonl", b"{", "corpus.jsonl, line 1: not valid JSON"),
        ("corpus.jsonl", b"", "corpus.jsonl holds no document"),
        ("corpus.jsonl", b'{"_id": "a", "text": "x"}\n' * 2, "line 2: it repeats the id of line 1"),
        ("corpus.jsonl", b'{"_id": "a/text", "text": "x"}', "line 1: an id must not end in /text"),
        ("qrels/test.tsv", b"1 otter 1\n", "test.tsv, line 1: it needs a query's id"),
        ("qrels/test.tsv", b"", "test.tsv holds no judgement"),
    ],
)
def test_a_broken_folder_is_one_sentence_and_nothing_is_ingested(
    server: RunningServer, folder: Path, name: str, content: bytes, sentence: str
) -> None:
    (folder / name).write_bytes(content)
    result = evaluate(server, str(folder), "-c", "untouched")
    assert result.returncode == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    with server.client() as client:
        assert client.get("/api/v1/collections/untouched").status_code == 404


def test_an_archive_that_was_cut_off_leaves_no_collection_behind(
    server: RunningServer, folder: Path
) -> None:
    entries = [{"_id": str(number), "text": f"Text {number}."} for number in range(2000)]
    whole = gzip.compress("\n".join(map(json.dumps, entries)).encode())
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    for command in (("eval", str(folder)), ("ingest", "--beir", str(folder))):
        result = groundwell(server.data_dir, *command, "-c", "untouched", "--url", server.url)
        assert result.returncode == 1
        assert "corpus.jsonl.gz, line " in result.stderr
        assert "Nothing was sent." in result.stderr
    with server.client() as client:
        assert client.get("/api/v1/collections/untouched").status_code == 404


def begin(folder: Path, work: Path) -> subprocess.Popen[str]:
    """An evaluation whose temporary server has come up."""
    command = [sys.executable, "-m", "groundwell", "eval", str(folder), "--work", str(work)]
    # A child ignores what the tests do: the one under nohup, the other in a shell's background.
    kept = [(each, signal.signal(each, signal.SIG_DFL)) for each in (signal.SIGHUP, signal.SIGINT)]
    process = subprocess.Popen(
        command, env=environment(work.with_name("unused")), stderr=subprocess.PIPE, text=True
    )
    for each, before in kept:
        signal.signal(each, before)
    deadline = time.monotonic() + START_SECONDS
    while not (work / "server" / "server.json").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def interrupt(folder: Path, work: Path, number: signal.Signals) -> tuple[int, str]:
    """Begin an evaluation and signal it; how it ended, and what it said.

    It is a short one: where it came to its end before the signal, that was none.
    """
    for _ in range(5):
        process = begin(folder, work)
        os.kill(process.pid, number)
        _, said = process.communicate(timeout=COMMAND_SECONDS)
        if process.returncode != 0:
            break
        shutil.rmtree(work)
    return process.returncode, said


# Each takes two evaluations: one stands for all unless there is time.
SIGNALS = [signal.SIGTERM]
if IS_LONG:
    SIGNALS += [signal.SIGINT, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_the_server_and_the_next_run_goes_on(
    folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    work = tmp_path / "work"
    returncode, said = interrupt(folder, work, number)
    assert returncode != 0
    assert "Traceback" not in said
    wait_until_gone(work)
    assert processes_of(work) == []
    # A note that was left behind may name a process that has nothing to do with it.
    note = {"url": "http://127.0.0.1:9", "pid": os.getpid()}
    (work / "server" / "server.json").write_text(json.dumps(note))
    result = groundwell(tmp_path / "unused", "eval", str(folder), "--work", str(work))
    assert result.returncode == 0, result.stderr


def test_the_next_run_after_a_kill_goes_on_at_once(folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    assert interrupt(folder, work, signal.SIGKILL)[0] == -signal.SIGKILL
    # The server that is left behind still runs: this run is to stop it, not to wait for it.
    result = groundwell(tmp_path / "unused", "eval", str(folder), "--work", str(work))
    assert result.returncode == 0, result.stderr
    assert "nDCG@10" in result.stdout
    wait_until_gone(work)


def test_the_server_stops_by_itself_after_a_kill(folder: Path, tmp_path: Path) -> None:
    assert interrupt(folder, tmp_path / "work", signal.SIGKILL)[0] == -signal.SIGKILL
    wait_until_gone(tmp_path / "work")
