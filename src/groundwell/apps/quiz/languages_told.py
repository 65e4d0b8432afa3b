"""What a set tells of passages whose language has no grammar here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from groundwell.apps.quiz.language import has_tagger
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.languages import DEFAULT_LANGUAGE, STEMMERS

_LIMITED: Final = "only gaps and numbers are asked, with the task in English."


def notes_on_languages(passages: Sequence[Passage]) -> tuple[str, ...]:
    """One sentence that names the languages of which only gaps and numbers are asked, if any.

    English goes without saying. A passage without letters, such as a row of numbers, is in no
    language. Where only the script tells that a text is not English, the sentence says that.
    """
    codes = {passage.language for passage in passages} - {DEFAULT_LANGUAGE}
    names = sorted(STEMMERS.get(code, code).capitalize() for code in codes)
    if any(map(_is_in_another_script, passages)):
        names.append("a script other than Latin")
    return (f"Documents in {_joined(names)}: {_LIMITED}",) if names else ()


def _is_in_another_script(passage: Passage) -> bool:
    return (
        passage.language == DEFAULT_LANGUAGE
        and not has_tagger(passage.language, passage.text)
        and any(map(str.isalpha, passage.text))
    )


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
