"""The one way to a file of questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from groundwell.apps.quiz.exports.anki import as_anki
from groundwell.apps.quiz.exports.csv_table import as_csv
from groundwell.apps.quiz.exports.formats import ExportFile, ExportFormat
from groundwell.apps.quiz.exports.gift import as_gift
from groundwell.apps.quiz.exports.json_text import as_json
from groundwell.apps.quiz.exports.qti12 import as_qti12
from groundwell.apps.quiz.exports.qti21 import as_qti21
from groundwell.apps.quiz.layout import as_markdown
from groundwell.apps.quiz.questions import QuestionSet


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    media_type: str
    write: Callable[[QuestionSet], str | bytes]


_KINDS: Mapping[ExportFormat, _Kind] = MappingProxyType(
    {
        ExportFormat.MARKDOWN: _Kind("questions.md", "text/markdown; charset=utf-8", as_markdown),
        ExportFormat.JSON: _Kind("questions.json", "application/json", as_json),
        ExportFormat.CSV: _Kind("questions.csv", "text/csv; charset=utf-8", as_csv),
        ExportFormat.GIFT: _Kind("questions.gift.txt", "text/plain; charset=utf-8", as_gift),
        ExportFormat.QTI: _Kind("questions-qti12.zip", "application/zip", as_qti12),
        ExportFormat.QTI21: _Kind("questions-qti21.zip", "application/zip", as_qti21),
        ExportFormat.ANKI: _Kind("questions.apkg", "application/vnd.anki", as_anki),
    }
)

MEDIA_TYPES = tuple(sorted({kind.media_type for kind in _KINDS.values()}))
"""The types that files can have."""


def export_as(export_format: ExportFormat, questions: QuestionSet) -> ExportFile:
    """`questions` as a file: the same bytes for the same questions.

    Blocks for some milliseconds; a hundred questions take at most some hundredths of a second.
    """
    kind = _KINDS[export_format]
    content = kind.write(questions)
    if isinstance(content, str):
        content = content.encode("utf-8")
    return ExportFile(kind.name, kind.media_type, content)
