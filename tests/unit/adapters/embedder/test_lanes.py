"""What the lanes do with work that comes at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event

import numpy as np
import pytest
from tests.waiting import PATIENCE_SECONDS

from groundwell.adapters.embedder.openvino.lanes import Lanes
from groundwell.domain.chunks import Encoding
from groundwell.domain.errors import ProviderError
from groundwell.encoders.tokenization import TokenizedText


@dataclass
class SlowRunner:
    """Notes the texts of every pass; passes only while the gate is open."""

    gate: Event
    passes: list[list[int]] = field(default_factory=list)
    has_begun: Event = field(default_factory=Event)

    def run(self, texts: Sequence[TokenizedText]) -> list[Encoding]:
        self.has_begun.set()
        assert self.gate.wait(PATIENCE_SECONDS)
        self.passes.append([len(text.ids) for text in texts])
        if any(len(text.ids) == 13 for text in texts):
            raise RuntimeError("the kernel broke")
        return [Encoding(np.ones(1, np.float32), np.empty((0, 1), np.float32)) for _ in texts]

    def run_short(self, texts: Sequence[TokenizedText]) -> Iterator[list[Encoding]]:
        yield self.run(texts)


def tokenize(texts: Sequence[str]) -> list[TokenizedText]:
    return [TokenizedText(np.zeros(len(text), np.int32), slice(0), ()) for text in texts]


@pytest.fixture
def gate() -> Event:
    return Event()


def wait_for(*futures: Future[Encoding] | Future[list[Encoding]]) -> None:
    for future in futures:
        future.result(PATIENCE_SECONDS)


def test_queries_that_wait_together_share_a_pass(gate: Event):
    runner = SlowRunner(gate)
    lanes = Lanes([runner], tokenize, tokenize)
    first = lanes.submit_query("q")
    assert runner.has_begun.wait(PATIENCE_SECONDS)
    others = [lanes.submit_query("qq") for _ in range(5)]
    gate.set()
    wait_for(first, *others)
    assert runner.passes == [[1], [2] * 5]
    lanes.close()


def test_query_goes_before_the_passages_that_came_earlier(gate: Event):
    runner = SlowRunner(gate)
    lanes = Lanes([runner], tokenize, tokenize)
    passages = lanes.submit_passages(["p" * 1000] * 4)
    assert runner.has_begun.wait(PATIENCE_SECONDS)
    query = lanes.submit_query("q")
    gate.set()
    wait_for(query, passages)
    assert runner.passes == [[1000], [1], [1000], [1000], [1000]]
    lanes.close()


def test_failed_pass_is_reported_and_the_lane_goes_on(gate: Event):
    gate.set()
    runner = SlowRunner(gate)
    lanes = Lanes([runner], tokenize, tokenize)
    with pytest.raises(ProviderError):
        wait_for(lanes.submit_query("x" * 13))
    with pytest.raises(ProviderError):
        wait_for(lanes.submit_passages(["x" * 13, "p" * 1020, "p" * 1020]))
    wait_for(lanes.submit_query("q"))
    lanes.close()


def test_passages_keep_their_order_across_windows_and_lanes(gate: Event):
    gate.set()
    lanes = Lanes([SlowRunner(gate), SlowRunner(gate)], tokenize, tokenize)
    encodings = lanes.submit_passages(["p" * (n % 50 + 20) for n in range(700)])
    assert len(encodings.result(PATIENCE_SECONDS)) == 700
    lanes.close()
