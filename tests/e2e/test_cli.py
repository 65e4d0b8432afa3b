"""The command line against a running server."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.running import RunningServer, groundwell, running

pytestmark = pytest.mark.slow

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("cli") / "data") as started:
        yield started


@pytest.fixture
def command(server: RunningServer) -> Command:
    """Runs a command against the shared server."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return groundwell(server.data_dir, *arguments, **variables)

    return run


def read_json(result: subprocess.CompletedProcess[str]) -> Any:  # noqa: ANN401 - JSON
    """The output, which must be one JSON document and nothing else."""
    return json.loads(result.stdout)


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_a_folder_is_ingested_and_again_only_what_has_changed(
    command: Command, tmp_path: Path
) -> None:
    folder = write(
        tmp_path / "papers",
        {
            "tides.md": "# Tides\n\nSpring tides occur at new moon and at full moon.\n",
            "deep/er/bees.txt": "A hive holds sixty thousand bees in summer.",
            ".hidden/secret.txt": "Nobody asked for this.",
            "picture.png": b"\x89PNG\r\n\x1a\n",
            "lies.pdf": "<!doctype html><p>I am no PDF.",
            "broken.pdf": b"%PDF-1.4 and nothing more",
        },
    )
    first = command("ingest", str(folder), "--collection", "papers", "--json")
    summary = read_json(first)
    assert first.returncode == 1
    assert (summary["accepted"], summary["new_or_changed"]) == (3, 3)
    assert [Path(item["file"]).name for item in summary["refused"]] == ["lies.pdf"]
    assert summary["refused"][0]["code"] == "type_mismatch"
    assert [item["file"] for item in summary["failed"]] == ["broken.pdf"]
    assert "1 × .png" in first.stderr

    (folder / "broken.pdf").unlink()
    (folder / "lies.pdf").unlink()
    second = command("ingest", str(folder), "--collection", "papers", "--json")
    again = read_json(second)
    assert second.returncode == 0
    assert (again["accepted"], again["new_or_changed"], again["refused"]) == (2, 0, [])

    (folder / "tides.md").write_text("# Tides\n\nThe Bay of Fundy has the highest tides.\n")
    changed = read_json(command("ingest", str(folder), "--collection", "papers", "--json"))
    assert changed["new_or_changed"] == 1
    found = read_json(command("search", "tides", "--collection", "papers", "--json"))
    texts = " ".join(result["text"] for result in found["results"])
    assert "Fundy" in texts
    assert "new moon" not in texts


def test_ingest_reports_to_a_person_what_came_in_and_what_did_not(
    command: Command, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"good.txt": "Good.", "bad.pdf": b"%PDF-1.4 and nothing more"})
    result = command("ingest", str(folder), "-c", "report")
    assert result.returncode == 1
    assert result.stdout.startswith("1 documents in collection report (2 new or changed, ")
    assert "failed  bad.pdf: " in result.stdout
    assert "(corrupt)" in result.stdout


def test_ingest_fails_when_a_file_is_refused_though_another_came_in(
    command: Command, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"empty.txt": "", "good.txt": "Good."})
    result = command("ingest", str(folder), "-c", "half")
    assert result.returncode == 1
    assert result.stdout.startswith("1 documents in collection half (1 new or changed, ")
    assert "(empty_file)" in result.stdout


def test_ingest_fails_when_nothing_came_in(command: Command, tmp_path: Path) -> None:
    folder = write(tmp_path, {"empty.txt": "", "bad.pdf": b"%PDF-1.4 and nothing more"})
    assert command("ingest", str(folder / "empty.txt")).returncode == 1
    assert command("ingest", str(folder / "bad.pdf"), "-c", "bad").returncode == 1


def test_ingest_of_nothing_or_of_what_is_not_there_is_a_wrong_usage(
    command: Command, tmp_path: Path
) -> None:
    assert command("ingest").returncode == 2
    missing = command("ingest", str(tmp_path / "missing"))
    assert missing.returncode == 2
    assert "There is no file or folder" in missing.stderr


CORPUS = [
    {"_id": "1", "title": "Otters", "text": "Otters hold hands while they sleep."},
    {"_id": "2", "title": "", "text": "Badgers live in setts.", "metadata": {"year": 1990}},
    {"_id": "3", "title": "Only a title", "text": ""},
    {"_id": "4", "title": "", "text": ""},
]


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz"])
def test_a_beir_corpus_is_ingested(command: Command, tmp_path: Path, name: str) -> None:
    lines = "\n".join(json.dumps(entry) for entry in CORPUS).encode() + b"\n\n"
    write(tmp_path, {name: gzip.compress(lines) if name.endswith(".gz") else lines})
    collection = name.replace(".", "-")
    summary = read_json(
        command("ingest", "--beir", str(tmp_path), "--collection", collection, "--json")
    )
    assert (summary["accepted"], summary["failed"]) == (3, [])
    found = read_json(command("search", "how do otters sleep", "-c", collection, "--json"))
    assert found["results"][0]["document_id"] == "1"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"_id": "2", "text": ', "not valid JSON"),
        ('{"text": "No id."}', "_id"),
        ('{"_id": "1", "text": "Again."}', "repeats the id of line 1"),
        ('{"_id": "2", "text": 5}', "must be strings"),
        ("[]", "_id"),
    ],
)
def test_a_broken_line_is_named_and_nothing_is_sent(
    command: Command, tmp_path: Path, line: str, words: str
) -> None:
    write(tmp_path, {"corpus.jsonl": f"{json.dumps(CORPUS[0])}\n{line}\n"})
    result = command("ingest", "--beir", str(tmp_path), "--collection", "nothing-sent")
    assert result.returncode == 1
    assert f"{tmp_path}/corpus.jsonl, line 2: " in result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    listed = command("search", "x", "--collection", "nothing-sent")
    assert listed.stderr == "Error: There is no collection 'nothing-sent'.\n"


@pytest.fixture(scope="module")
def library(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("library")
    text = "A glacier is a body of dense ice.\n\nJakobshavn moves 40 metres a day."
    write(folder, {"glaciers.md": f"# Glaciers [1]\n\n{text}\n"})
    groundwell(server.data_dir, "ingest", str(folder), "--collection", "library")
    return "library"


def test_search_shows_results_and_their_scores(command: Command, library: str) -> None:
    result = command("search", "What is a glacier?", "-c", library, "--explain")
    assert result.returncode == 0
    assert result.stdout.startswith("1. ")
    assert "glaciers.md" in result.stdout
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert lines["ranks"].startswith("   ranks  dense 1 (")
    assert lines["ranks"].endswith("→ final 1")
    assert "glacier " in lines["terms"]
    assert "glacier → glacier" in lines["words"]
    assert "\x1b" not in result.stdout
    assert " found in " in result.stderr


def test_ask_streams_an_answer_with_numbered_citations(command: Command, library: str) -> None:
    result = command("ask", "How fast does Jakobshavn move?", "--collection", library)
    assert result.returncode == 0, result.stderr
    answer, _, citations = result.stdout.partition("\n\n")
    assert "40 metres a day" in answer
    assert "[1]" in answer
    assert citations.startswith("[1] glaciers.md, characters ")
    assert '"Jakobshavn moves 40 metres a day."' in citations
    assert "conversation " in result.stderr


def test_a_conversation_can_be_continued(command: Command, library: str) -> None:
    question = ("ask", "How fast does Jakobshavn move?", "-c", library, "--json")
    first = read_json(command(*question))
    second = read_json(command(*question, "--conversation", first["conversation_id"]))
    assert second["conversation_id"] == first["conversation_id"]
    assert second["citations"][0]["quote"] == "Jakobshavn moves 40 metres a day."


def test_doctor_sees_the_running_server(command: Command, server: RunningServer) -> None:
    findings = {item["check"]: item for item in read_json(command("doctor", "--json"))}
    assert findings["server"]["state"] == "ok"
    assert server.url in findings["server"]["message"]
    # The check joined the database of the running server and must not take it away.
    with server.client() as client:
        assert client.get("/health").json()["database"] == "connected"


def test_a_port_that_another_server_has_is_refused(command: Command, server: RunningServer) -> None:
    port = server.url.rpartition(":")[2]
    result = command("serve", "--port", port)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--url", "http://127.0.0.1:1"), "There is no key for http://127.0.0.1:1, "),
        (("--url", "localhost"), "'localhost' is not an address of a server."),
        (("--url", "http://["), "'http://[' is not an address of a server."),
        (("-c", "nowhere"), "There is no collection 'nowhere'."),
    ],
)
def test_what_went_wrong_is_said_in_one_sentence(
    command: Command, arguments: tuple[str, ...], sentence: str
) -> None:
    result = command("ask", "anything", *arguments)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"Error: {sentence}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"GROUNDWELL_API_KEY": "gw_wrong"}, "This API key is not valid."),
        ({"GROUNDWELL_API_KEY": "клю\u0447"}, "The API key holds characters that no key has."),
        (
            {"GROUNDWELL_API_KEY": "gw_key", "GROUNDWELL_URL": "http://127.0.0.1:1"},
            "No server answers at http://127.0.0.1:1.",
        ),
    ],
)
def test_what_is_wrong_in_the_environment_is_said_in_one_sentence(
    command: Command, variables: dict[str, str], sentence: str
) -> None:
    result = command("ask", "anything", **variables)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {sentence}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [("search", "x"), ("ask", "x"), ("ingest", __file__)])
def test_without_a_server_one_sentence_says_how_to_start_one(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "owner.key").write_text("gw_key\n")
    result = groundwell(tmp_path, *arguments, GROUNDWELL_PORT="1")
    assert result.returncode == 1
    assert result.stdout == ""
    assert "groundwell serve" in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_a_server_the_folder_is_named(tmp_path: Path) -> None:
    result = groundwell(tmp_path, "search", "x")
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: No server runs on the data folder {tmp_path}.")
    assert result.stderr.count("\n") == 1


def test_an_empty_collection_is_named_and_others_are_offered(
    command: Command, tmp_path: Path
) -> None:
    folder = write(tmp_path / "hint", {"tides.txt": "Spring tides occur at full moon."})
    command("ingest", str(folder), "--collection", "coast")
    asked = command("ask", "When do spring tides occur?")
    assert "The collection 'default' is empty." in asked.stderr
    assert "coast (1 documents)" in asked.stderr
