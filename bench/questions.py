"""Questions made without a language model: how many, of what kind, at what cost, how good.

    python bench/questions.py PATH ... [--documents N] [--count N] [--seed N] [--embedder]
                              [--chunking passage|recursive|tokens]
    python bench/questions.py PATH ... --sample 100 --out FILE
    python bench/questions.py PATH ... --request 100 --out FILE
    python bench/questions.py --judged FILE

PATH is a file, a folder of files, or a folder with a corpus.jsonl[.gz] in BEIR form, of which
`--documents` are drawn. Files are read with the product's parser; what it cannot read is left out.
The documents are dealt into groups, long ones in parts, one group for each 100 questions, which is
as much as one request to the server may ask for. The groups give sets of 25 in turn, until there
are as many questions as are wanted or no group has more. A sentence may be asked about again, but
not for the same words. `--sample` draws questions of all sets for judging, one JSON object a line;
`--request` is one request for so many questions, made by what answers it in the server, of all that
the paths hold; its questions are the sample. `--judged` prints the shares of a file of them in
which somebody wrote down the verdicts, with the 95 % interval of each.

What makes, checks and arranges the questions is the product's. How it differs from what a server
does is told in evalsets/questions/README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from groundwell.adapters.embedder.openvino import OpenVinoEmbedder
from groundwell.apps.quiz.assembly import assemble
from groundwell.apps.quiz.checks import CHECKS, Evidence, check_question
from groundwell.apps.quiz.facts import facts_of
from groundwell.apps.quiz.forms import Closeness, draft_questions
from groundwell.apps.quiz.making import Readings, Workshop
from groundwell.apps.quiz.materials import MOST_PASSAGES as MOST_PASSAGES_READ
from groundwell.apps.quiz.questions import Passage, Question, QuestionSet, QuestionType, QuizMode
from groundwell.apps.quiz.shown import choices
from groundwell.apps.quiz.wanted import Wanted
from groundwell.domain.chunks import Floats
from groundwell.encoders.weights import DEFAULT_MODEL, find_model
from groundwell.ingestion.chunking import make_chunker
from questions_judged import print_verdicts
from questions_material import SET_SIZE, groups_of, passages_of, read_documents


@dataclass
class Tally:
    """What the groups gave, and what it took in seconds of wall time."""

    sets: list[QuestionSet] = field(default_factory=list)
    drafts: list[Question] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    passages: int = 0
    facts: int = 0

    @property
    def questions(self) -> list[Question]:
        """All that were chosen, set by set."""
        return [question for each in self.sets for question in each.questions]


@dataclass(frozen=True)
class Pool:
    """The checked questions of a group, and how much each of its documents holds."""

    checked: list[Question]
    sizes: Counter[str]


def main() -> None:
    """Make, print, and draw a sample if one is wanted."""
    options = parse_arguments()
    if options.judged:
        print_verdicts(options.judged)
        return
    with asyncio.Runner() as runner:
        folder = find_model(DEFAULT_MODEL, options.data_dir)
        embedder = OpenVinoEmbedder(folder, name=DEFAULT_MODEL, threads=2)

        def closeness(texts: Sequence[str]) -> Floats:
            encodings = runner.run(embedder.embed_documents(texts))
            return np.array([encoding.vector for encoding in encodings])

        named = runner.run(read_documents(options))
        chunker = make_chunker(options.chunking, embedder.tokenizer)
        documents = [
            passages_of(document, name, chunker.chunk(document)) for name, document in named
        ]
        if options.request:
            tally = requested(documents, options)
        else:
            tally = make(documents, options, closeness if options.embedder else None)
    print_tally(tally, options.count)
    if options.out:
        write_sample(tally, options)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--documents", type=int, default=200, help="drawn of each corpus")
    parser.add_argument("--count", type=int, default=500, help="questions to ask for")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="holds models/")
    parser.add_argument(
        "--embedder", action="store_true", help="wrong options by vectors too; the server has none"
    )
    parser.add_argument(
        "--chunking",
        choices=("passage", "recursive", "tokens"),
        default="passage",
        help="how documents are cut; `recursive` in the profile for learners",
    )
    parser.add_argument("--sample", type=int, default=100, help="questions to draw")
    parser.add_argument("--request", type=int, help="one request for so many questions")
    parser.add_argument("--out", type=Path, help="where to write them")
    parser.add_argument("--judged", type=Path, help="print the shares of a judged sample")
    return parser.parse_args()


def make(
    documents: Sequence[list[Passage]], options: argparse.Namespace, closeness: Closeness | None
) -> Tally:
    """Sets of the groups in turn, until there are as many questions as are wanted, or no more."""
    tally, asked = Tally(), set[tuple[str, str]]()
    # The tagger is loaded by the first sentence, once a process.
    facts_of(next(iter(documents[0])))
    pools = [
        pool_of(group, options.seed, closeness, tally)
        for group in groups_of(documents, options.count, options.seed)
    ]
    while pools and len(tally.questions) < options.count:
        pool = pools.pop(0)
        begin = time.perf_counter()
        made = assemble(
            # Nobody is asked the same of the same words twice.
            [each for each in pool.checked if asked_by(each) not in asked],
            asked=min(SET_SIZE, options.count - len(tally.questions)),
            mode=QuizMode.QUIZ,
            seed=options.seed,
            sizes=pool.sizes,
        )
        tally.seconds["set"] += time.perf_counter() - begin
        tally.sets.append(made)
        asked |= {asked_by(each) for each in made.questions}
        # A set that is not full is a group's last: the rest is true statements without false ones.
        if len(made.questions) == SET_SIZE:
            pools.append(pool)
    return tally


def requested(documents: Sequence[list[Passage]], options: argparse.Namespace) -> Tally:
    """The set with which a server answers a request without a topic, if it holds nothing else.

    It takes 400 passages at most, mixed by the seed. The questions that were refused are not told.
    """
    passages = [passage for document in documents for passage in document]
    random.Random(options.seed).shuffle(passages)
    count = options.request
    wanted = Wanted(None, count, count, QuizMode.QUIZ, seed=options.seed)
    begin = time.perf_counter()
    made = Workshop(passages[:MOST_PASSAGES_READ], wanted, frozenset(), Readings()).make()
    tally = Tally(sets=[made], drafts=list(made.questions), passages=len(passages))
    tally.seconds["all"] = time.perf_counter() - begin
    options.sample = count
    return tally


def pool_of(group: list[Passage], seed: int, closeness: Closeness | None, tally: Tally) -> Pool:
    """What a group's sets are chosen from; what it took goes into the tally."""
    begin = time.perf_counter()
    facts = [fact for passage in group for fact in facts_of(passage)]
    read = time.perf_counter()
    drafts = [
        replace(draft, options=choices(draft))
        for draft in draft_questions(group, facts, seed, closeness)
    ]
    drafted = time.perf_counter()
    evidence = Evidence(group)
    checked = [check_question(draft, evidence) for draft in drafts]
    tally.seconds["facts"] += read - begin
    tally.seconds["drafts"] += drafted - read
    tally.seconds["checks"] += time.perf_counter() - drafted
    tally.drafts += checked
    tally.passages += len(group)
    tally.facts += len(facts)
    sizes: Counter[str] = Counter()
    for passage in group:
        sizes[passage.document_id] += len(passage.text)
    return Pool(checked, sizes)


def asked_by(question: Question) -> tuple[str, str]:
    """What is asked: the words and what is wanted of them; a statement is judged as a whole."""
    is_judged = question.type is QuestionType.TRUE_FALSE
    quote = " ".join(question.source.quote.split())
    return quote, "" if is_judged else question.claim or question.answer


def print_tally(tally: Tally, count: int) -> None:
    """The figures, one a line."""
    questions = tally.questions
    documents = len({question.source.document_id for question in questions})
    print(f"passages {tally.passages}, facts {tally.facts}, drafts {len(tally.drafts)}")
    print(f"questions {len(questions)} of {count} in {len(tally.sets)} sets, {documents} documents")
    print(f"sentences {len({asked_by(question)[0] for question in questions})}")
    for name, counted in (
        ("types", Counter(question.type.value for question in questions)),
        ("levels", Counter(question.bloom.value for question in questions)),
        ("templates", Counter(template_of(question) for question in questions)),
    ):
        print(f"{name}: {', '.join(f'{key} {value}' for key, value in counted.most_common())}")
    spent = ", ".join(
        f"{key} {value / len(tally.sets):.3f}" for key, value in tally.seconds.items()
    )
    print(f"seconds for each {SET_SIZE}: {spent}")
    print_passed(tally.drafts)


def print_passed(drafts: Sequence[Question]) -> None:
    """Shares of the drafts that pass, by check and by template."""
    failed = Counter(failure.name for draft in drafts for failure in draft.failures)
    whole = max(1, len(drafts))
    print("passed:", ", ".join(f"{name} {1 - failed[name] / whole:.1%}" for name in CHECKS))
    by_template: defaultdict[str, list[Question]] = defaultdict(list)
    for draft in drafts:
        by_template[template_of(draft)].append(draft)
    for template, made in sorted(by_template.items()):
        reasons = Counter(draft.failures[0].name for draft in made if draft.failures)
        right = len(made) - reasons.total()
        told = ", ".join(f"{name} {number}" for name, number in reasons.most_common())
        print(f"  {template:16} {right:5} of {len(made):5} pass; first failed: {told or '-'}")


def template_of(question: Question) -> str:
    """The template's name without the place at which it was used."""
    return question.template.split("@")[0]


def write_sample(tally: Tally, options: argparse.Namespace) -> None:
    """Questions drawn by the seed, one JSON object a line."""
    questions = tally.questions
    chosen = random.Random(options.seed).sample(questions, min(options.sample, len(questions)))
    lines = [json.dumps(as_object(question), ensure_ascii=False) for question in chosen]
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def as_object(question: Question) -> dict[str, object]:
    """What somebody who judges a question needs to see."""
    return {
        "id": question.id,
        "type": question.type.value,
        "template": template_of(question),
        "stem": question.stem,
        "options": [option.text for option in question.options],
        "answer": question.answer,
        "explanation": question.explanation,
        "quote": question.source.quote,
        "document": question.source.title or question.source.filename,
        "file": question.source.filename,
        "start": question.source.start,
        "end": question.source.end,
        "page": question.source.page,
    }


if __name__ == "__main__":
    main()
