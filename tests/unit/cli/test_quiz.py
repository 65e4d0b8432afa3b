"""Questions at the terminal, against a server that grades them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from groundwell.cli.client import Client
from groundwell.cli.questioning import answer_of, ask_all

SOURCE = {"title": None, "filename": "air.pdf", "page": 3, "quote": "Air\nhas weight."}
EMPTY: dict[str, Any] = {"options": [], "pairs": [], "shown": [], "hint": "", "source": SOURCE}
OPTIONS = [{"text": text, "correct": text == "Air", "feedback": ""} for text in ("Fire", "Air")]
MCQ = {
    **EMPTY,
    "id": "a",
    "type": "mcq",
    "stem": "What has \x1b[31mweight?",
    "options": OPTIONS,
    "answer": "Air",
    "explanation": "Air has weight.",
    "hint": "You breathe it.",
}
TRUTH = {
    **EMPTY,
    "id": "b",
    "type": "true_false",
    "stem": "Air has weight.",
    "answer": "True",
    "explanation": "It has.",
}
PAIRS = {
    **EMPTY,
    "id": "c",
    "type": "matching",
    "stem": "Match.",
    "answer": "x",
    "explanation": "",
    "pairs": [{"left": "hot", "right": "summer"}, {"left": "cold", "right": "winter"}],
    "shown": ["winter", "summer"],
}
RIGHT = {"a": "b", "b": "True", "c": ["B", "A"]}


def server() -> tuple[Client, list[dict[str, Any]]]:
    """A server that knows the right answers, takes `?!` for none, and what it was sent."""
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        sent.append(body)
        if body["answer"] == "?!":
            problem = {"detail": "That is no option.", "code": "invalid_answer"}
            return httpx.Response(422, json=problem)
        is_right = RIGHT[body["question_id"]] == body["answer"]
        return httpx.Response(200, json={"correct": is_right, "feedback": "Because."})

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://groundwell.test")
    return Client(http), sent


def typing(*lines: str) -> Any:  # noqa: ANN401 - takes the place of input()
    left = list(lines)

    def read(_: str) -> str:
        if not left:
            raise EOFError
        return left.pop(0)

    return read


def found(mode: str, *questions: dict[str, Any]) -> dict[str, Any]:
    notes = ["One is missing."]
    return {"set_id": "s", "mode": mode, "questions": list(questions), "notes": notes}


def test_practice_tells_each_answer_with_quote_and_page(capsys: pytest.CaptureFixture[str]):
    client, sent = server()
    score = ask_all(client, found("practice", MCQ, TRUTH, PAIRS), typing("?", "?!", "b", "n", "ba"))
    shown = capsys.readouterr()
    assert score == 2
    assert [body["answer"] for body in sent] == ["?!", "b", "False", ["B", "A"]]
    assert {body["set_id"] for body in sent} == {"s"}
    assert "You breathe it." in shown.out
    assert "That is no option." in shown.err
    assert 'air.pdf, page 3: "Air has weight."' in shown.out
    assert "The answer: True" in shown.out
    assert "2 of 3 right." in shown.out
    assert "One is missing." in shown.err
    assert "\x1b" not in shown.out


def test_a_test_gives_no_hint_and_tells_all_at_the_end(capsys: pytest.CaptureFixture[str]):
    client, _ = server()
    score = ask_all(client, found("quiz", TRUTH, PAIRS, MCQ), typing("y", "ba"))
    shown = capsys.readouterr().out
    assert score == 2
    assert shown.index("(2) cold") < shown.index("Right.") < shown.index("2 of 2 right.")


def test_an_empty_line_leaves_a_question_out(capsys: pytest.CaptureFixture[str]):
    client, sent = server()
    assert ask_all(client, found("practice", MCQ), typing("")) == 0
    assert sent == []
    assert "Left out." in capsys.readouterr().out


def test_the_verdict_is_told_once(capsys: pytest.CaptureFixture[str]):
    http = httpx.Client(
        transport=httpx.MockTransport(
            lambda _: httpx.Response(200, json={"correct": True, "feedback": "Right."})
        ),
        base_url="http://groundwell.test",
    )
    ask_all(Client(http), found("practice", MCQ), typing("b"))
    assert "   Right. Air has weight.\n" in capsys.readouterr().out


def test_letters_are_read_however_they_are_separated():
    assert answer_of(PAIRS, "b, a") == ["B", "A"]
    assert answer_of(TRUTH, "No") == "False"
    assert answer_of(MCQ, "y") == "y"
