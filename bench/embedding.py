"""Speed and exactness of the in-process embedder beside sentence-transformers on torch.

    python bench/embedding.py [--corpus FILE] [--model NAME] [--texts N] [--rounds N] [--threads N]

FILE is a corpus.jsonl or corpus.jsonl.gz in BEIR form; without it, texts are made up. Both sides
get the same passages of about 200 tokens and run in turns, so that a busy machine disturbs both
alike; the figures are medians. Speeds are real tokens, padding not counted, special ones counted.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundwell.adapters.embedder.openvino import OpenVinoEmbedder
from groundwell.domain.chunks import Encoding
from groundwell.encoders.weights import find_model

ODD_TEXTS = [
    "",
    "a",
    "?",
    "🙂",
    "中文",
    "糖尿病患者应该如何控制饮食",
    "x" * 5000,
    "no " * 600,
    "\n",
]
QUERIES = ["vitamin d", "how does diet affect sleep", "statins and muscle pain", "bees"]
ADVICE = "for comparison: pip install sentence-transformers (with torch) into this environment"


def main() -> None:
    """Measure and print."""
    options = parse_arguments()
    folder = find_model(options.model, options.data_dir)
    begin = time.perf_counter()
    # As the server has it, for queries, and as the worker has it, for passages.
    server = OpenVinoEmbedder(folder, name=options.model, threads=options.threads)
    print(f"load                 {time.perf_counter() - begin:8.2f} s")
    threads = options.threads
    worker = OpenVinoEmbedder(folder, name=options.model, threads=threads, lanes=threads)
    with asyncio.Runner() as runner:
        run = runner.run
        passages = list(islice(make_passages(worker, options), options.texts))
        compare(lambda texts: run(worker.embed_documents(texts)), folder, passages, options)
        milliseconds = run(time_queries(server))
        run(server.close())
        run(worker.close())
    print(f"query p50 / p95      {milliseconds[0]:8.2f} / {milliseconds[1]:.2f} ms")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, help="corpus.jsonl or corpus.jsonl.gz")
    parser.add_argument("--model", default="all-MiniLM-L6-v2", help="name or folder")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="holds models/")
    parser.add_argument("--texts", type=int, default=400, help="passages to embed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=200, help="most tokens of a passage")
    return parser.parse_args()


def make_passages(embedder: OpenVinoEmbedder, options: argparse.Namespace) -> Iterator[str]:
    """Passages of at most so many tokens, special ones not counted."""
    corpus: Path | None = options.corpus
    for text in made_up_texts() if corpus is None else read_corpus(corpus):
        spans = embedder.tokenizer.spans(text)
        for first in range(0, len(spans), options.tokens):
            part = spans[first : first + options.tokens]
            yield text[part[0][0] : part[-1][1]]


def read_corpus(file: Path) -> Iterator[str]:
    """Title and text of each document."""
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            yield f"{document.get('title', '')} {document['text']}".strip()


def made_up_texts() -> Iterator[str]:
    """Endless texts of words from a small vocabulary, 30 to 400 words each."""
    chance = random.Random(0)
    syllables = ["ra", "to", "mi", "len", "sa", "ver", "do", "kin", "ba", "lu", "ther", "ing"]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(3000)]
    while True:
        yield " ".join(chance.choices(words, k=chance.randint(30, 400)))


def compare(
    embed: Callable[[list[str]], list[Encoding]],
    folder: Path,
    passages: list[str],
    options: argparse.Namespace,
) -> None:
    """Print both speeds and the least cosine."""
    reference = load_reference(folder)
    tokens = sum(len(encoding.token_spans) + 2 for encoding in embed(passages))
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(seconds_of(lambda: embed(passages)))
        if reference is not None:
            theirs.append(seconds_of(lambda: reference.encode(passages)))
    print(f"passages             {len(passages):8d}   of {tokens / len(passages):.0f} tokens")
    speed = np.median(ours)
    print(
        f"groundwell           {len(passages) / speed:8.1f} texts/s  {tokens / speed:.0f} tokens/s"
    )
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if reference is None:
        print(f"peak memory          {most:8.0f} MB")
        print(ADVICE, file=sys.stderr)
        return
    other = np.median(theirs)
    print(
        f"sentence-transformers{len(passages) / other:8.1f} texts/s  {tokens / other:.0f} tokens/s"
    )
    print(f"ratio                {other / speed:8.2f}")
    texts = passages + ODD_TEXTS
    cosines = (vectors_of(embed(texts)) * reference.encode(texts)).sum(axis=1)
    print(f"cosine min / median  {cosines.min():8.6f} / {np.median(cosines):.6f}")


def load_reference(folder: Path) -> Any:  # noqa: ANN401 - its package may be absent
    """The same weights in sentence-transformers, None where it is not installed."""
    try:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - may be absent
    except ImportError:
        return None
    return SentenceTransformer(str(folder), device="cpu")


def seconds_of(action: Callable[[], object]) -> float:
    """How long an action takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def vectors_of(encodings: list[Encoding]) -> NDArray[np.float32]:
    """The sentence vectors, one a row."""
    return np.array([encoding.vector for encoding in encodings])


async def time_queries(embedder: OpenVinoEmbedder, count: int = 300) -> tuple[float, float]:
    """Median and 95th percentile of one query at a time, in milliseconds."""
    seconds = []
    for number in range(count):
        begin = time.perf_counter()
        await embedder.embed_query(QUERIES[number % len(QUERIES)])
        seconds.append(time.perf_counter() - begin)
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    return float(p50), float(p95)


if __name__ == "__main__":
    main()
