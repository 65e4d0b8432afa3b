"""Asking at the terminal: a question, what is typed, what was right, and the score."""

from __future__ import annotations

import re
from collections.abc import Callable
from string import ascii_uppercase
from typing import Any

from groundwell.apps.quiz.legible import legible
from groundwell.cli.client import Client, ServerError
from groundwell.cli.console import err, out

_REVIEW = "/api/v1/questions/review"
_TRUE = frozenset(("y", "yes", "t", "true"))
_FALSE = frozenset(("n", "no", "f", "false"))
_HOW = {
    "mcq": "Letter",
    "true_false": "True or false, y/n",
    "cloze": "Your words",
    "numeric": "Your number",
    "matching": "Letters, in the order of the numbers",
    "ordering": "Letters, in the right order",
    "short": "Your answer",
}
_VERDICT = re.compile(r"^Right[.:]\s*")
_SKIP, _HELP = "", "?"


def ask_all(client: Client, found: dict[str, Any], read: Callable[[str], str] = input) -> int:
    """Ask every question of a set and tell the score, which is returned.

    In practice each answer is told at once and `?` gives a hint; in a test, all at the end. An
    empty line leaves a question out; the end of the input, or Ctrl+C, ends the quiz.
    """
    is_test = found["mode"] == "quiz"
    told: list[tuple[dict[str, Any], dict[str, Any] | None]] = []
    for number, question in enumerate(found["questions"], start=1):
        _show(number, len(found["questions"]), question, is_test=is_test)
        try:
            outcome = _ask(client, found["set_id"], question, read, is_test=is_test)
        except (EOFError, KeyboardInterrupt):
            out.print()
            break
        told.append((question, outcome))
        if not is_test:
            _tell(question, outcome)
    if is_test:
        for number, (question, outcome) in enumerate(told, start=1):
            out.print(f"\n{number}. {legible(question['stem'])}", markup=False, style="bold")
            _tell(question, outcome)
    score = sum(1 for _, outcome in told if outcome is not None and outcome["correct"])
    out.print(f"\n{score} of {len(told)} right.", style="bold", markup=False)
    for note in found["notes"]:
        err.print(note, markup=False, style="dim")
    return score


def answer_of(question: dict[str, Any], typed: str) -> str | list[str]:
    """What was typed, as the server takes it: letters for parts, `True` for y."""
    kind = question["type"]
    if kind in ("matching", "ordering"):
        return [letter for letter in typed.upper() if letter.isalpha()]
    if kind == "true_false" and typed.casefold() in _TRUE | _FALSE:
        return "True" if typed.casefold() in _TRUE else "False"
    return typed


def _ask(
    client: Client,
    set_id: str,
    question: dict[str, Any],
    read: Callable[[str], str],
    *,
    is_test: bool,
) -> dict[str, Any] | None:
    """What the server says of an answer that it takes; None for a question that is left out."""
    while True:
        typed = read(f"   {_HOW[question['type']]}: ").strip()
        if typed == _SKIP:
            return None
        if typed == _HELP and not is_test:
            out.print(f"   {legible(question['hint']) or 'There is no hint.'}", markup=False)
            continue
        body = {
            "set_id": set_id,
            "question_id": question["id"],
            "answer": answer_of(question, typed),
        }
        try:
            outcome: dict[str, Any] = client.post(_REVIEW, body)
        except ServerError as error:
            if error.code != "invalid_answer":
                raise
            err.print(f"   {error.detail}", markup=False, style="yellow")
            continue
        return outcome


def _show(number: int, total: int, question: dict[str, Any], *, is_test: bool) -> None:
    out.print(f"\n[bold cyan]{number}/{total}[/] ", end="")
    out.print(legible(question["stem"]), style="bold", markup=False)
    for place, pair in enumerate(question["pairs"], start=1):
        out.print(f"   ({place}) {legible(pair['left'])}", markup=False)
    choices = question["shown"]
    if question["type"] == "mcq":
        choices = [option["text"] for option in question["options"]]
    for letter, choice in zip(ascii_uppercase, choices, strict=False):
        out.print(f"   {letter}) {legible(choice)}", markup=False)
    if number == 1:
        more = "" if is_test else ", ? gives a hint"
        err.print(f"   An empty line leaves a question out{more}.", style="dim")


def _tell(question: dict[str, Any], outcome: dict[str, Any] | None) -> None:
    is_right = outcome is not None and outcome["correct"]
    feedback = question["explanation"] if outcome is None else outcome["feedback"]
    # Some options' feedback begins with the verdict, which stands here already.
    feedback = _VERDICT.sub("", feedback) or question["explanation"]
    out.print("   Right. " if is_right else "   Wrong. " if outcome else "   Left out. ", end="",
              style="green" if is_right else "red")  # fmt: skip
    out.print(legible(feedback), markup=False)
    if not is_right:
        out.print(f"   The answer: {legible(question['answer'])}", markup=False)
    source = question["source"]
    page = "" if source["page"] is None else f", page {source['page']}"
    name = legible(source["title"] or source["filename"])
    out.print(f'   {name}{page}: "{legible(source["quote"])}"', markup=False, style="dim")
