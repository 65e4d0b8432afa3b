"""What the benchmark of questions reads: files, and documents drawn of collections."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from groundwell.adapters.parser.detect import detect_file
from groundwell.adapters.parser.kreuzberg.parser import KreuzbergParser
from groundwell.apps.quiz.questions import Passage
from groundwell.apps.quiz.whole_sentences import whole_sentences
from groundwell.cli.beir import find_lines, read_raw_lines
from groundwell.domain.chunks import Chunk, chunk_id_for
from groundwell.domain.documents import ParsedDocument, VersionId
from groundwell.domain.errors import GroundwellError
from groundwell.ingestion.detect_language import detect_language
from groundwell.store.corpus import AROUND

SET_SIZE = 25
GROUP_SETS = 4
"""Sets that one group of documents gives, together as many questions as a request may ask for."""
PART_PASSAGES = 40
MOST_PASSAGES = 1000
"""Passages of one document, spread over it: a book must not be most of what is asked."""


async def read_documents(options: argparse.Namespace) -> list[tuple[str, ParsedDocument]]:
    """The documents with their names, in the order of the paths."""
    found: list[tuple[str, ParsedDocument]] = []
    for path in options.paths:
        if path.is_dir() and any(path.glob("corpus.jsonl*")):
            found += drawn(path, options.documents, options.seed)
            continue
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else []
        for file in files or [path]:
            try:
                media_type = await detect_file(file, file.name)
                parsed = await KreuzbergParser().parse(file, file.name, media_type)
            except GroundwellError as error:
                print(f"left out {file.name}: {error.code}")
                continue
            found.append((file.name, parsed))
    return found


def drawn(folder: Path, count: int, seed: int) -> Iterator[tuple[str, ParsedDocument]]:
    """Documents of a corpus in BEIR form, drawn by the seed."""
    lines = [line for _, line in read_raw_lines(find_lines(folder, "corpus"))]
    for line in random.Random(seed).sample(lines, min(count, len(lines))):
        entry = json.loads(line)
        document = ParsedDocument(
            text=entry["text"], media_type="text/plain", parser="beir", title=entry.get("title")
        )
        yield f"{entry['_id']}.txt", document


def passages_of(document: ParsedDocument, name: str, chunks: Sequence[Chunk]) -> list[Passage]:
    """The passages of a document, as the server reads them; of a long one evenly spread."""
    version = VersionId(uuid5(NAMESPACE_URL, name))
    language = detect_language(document.text)
    step = max(1, -(-len(chunks) // MOST_PASSAGES))
    text = document.text.rstrip()
    passages = []
    for chunk in chunks[::step]:
        start, end = chunk.char_start, chunk.char_end
        whole = whole_sentences(
            text[max(0, start - AROUND) : start], chunk.text, text[end : end + AROUND]
        )
        if whole is None:
            continue
        passages.append(
            Passage(
                chunk_id=chunk_id_for(version, chunk.ordinal),
                document_id=str(version),
                version=1,
                filename=name,
                title=document.title,
                page=chunk.page,
                char_start=start + whole.start,
                text=whole.text,
                heading_path=chunk.heading_path,
                language=language,
                lead=whole.lead,
            )
        )
    return passages


def groups_of(documents: Sequence[list[Passage]], count: int, seed: int) -> list[list[Passage]]:
    """As many groups as sets are wanted, of about equal size; parts of documents stay whole."""
    parts = [
        document[start : start + PART_PASSAGES]
        for document in documents
        for start in range(0, len(document), PART_PASSAGES)
    ]
    random.Random(seed).shuffle(parts)
    groups: list[list[Passage]] = [[] for _ in range(-(-count // (SET_SIZE * GROUP_SETS)))]
    for part in sorted(parts, key=len, reverse=True):
        min(groups, key=len).extend(part)
    return groups
