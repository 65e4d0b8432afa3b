"""Documents that are handed in, replaced and deleted while everything around dies.

Each request is repeated until it is acknowledged, as a careful client would. What was acknowledged
is remembered, and must be there at the end.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.chaos.installation import Installation
from tests.unit.adapters.parser.sample_files import make_docx, make_paragraph

_LANES = 3
_WORDS = ("bridge", "violin", "glacier", "orchard", "compass", "lantern", "harbour", "beehive")
_ACKNOWLEDGED = (200, 202, 204)
_PAUSE_SECONDS = 0.1
# The chunks of the installation are of 256 characters: two such paragraphs do not fit into one.
_WORDS_OF_A_CHUNK = 17
_MANY_CHUNKS = 260


@dataclass
class Traffic:
    """Three clients at once, which take as many turns as they are let."""

    own: Installation
    seed: int
    # Document id -> what its text must say. Deleted ones are in `deleted`.
    acknowledged: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    repeats: int = 0
    _turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _ended: threading.Event = field(default_factory=threading.Event)
    # Turns that are let through and not done.
    waiting: int = 0
    # Long documents.
    _ordered: int = 0
    _sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _lanes: list[Future[None]] = field(default_factory=list)

    def __str__(self) -> str:
        count = len(self.acknowledged) + len(self.deleted)
        return (
            f"{count} documents acknowledged, {self.repeats} requests repeated,"
            f" {len(self.deleted)} documents deleted"
        )

    def let_through(self, turns: int) -> None:
        """Let clients take so many turns more."""
        with self._lock:
            self.waiting += turns
        self._turns.release(turns)

    def order_long(self) -> None:
        """Have the next client that takes a turn send a document of many chunks."""
        with self._lock:
            self._ordered += 1

    def _take_order(self) -> int | None:
        """The number of the long document that is to be sent now, if one is."""
        with self._lock:
            if self._sent == self._ordered:
                return None
            self._sent += 1
            return self._sent

    @property
    def is_idle(self) -> bool:
        """Whether all turns are done and acknowledged."""
        return self.waiting == 0

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(_LANES) as lanes:
            self._lanes = [lanes.submit(self._work, lane) for lane in range(_LANES)]
            try:
                yield
            finally:
                self._ended.set()
                self._turns.release(_LANES)
            for lane in self._lanes:
                lane.result()

    def raise_what_went_wrong(self) -> None:
        """Raise the error of a client that met an answer which it must not meet."""
        for lane in self._lanes:
            if lane.done():
                lane.result()

    def _work(self, lane: int) -> None:
        dice = random.Random(self.seed * 1000 + lane)
        with self.own.client() as client:
            turn, own = 0, _Lane(self, client, dice, str(lane))
            while self._turns.acquire() and not self._ended.is_set():
                self._act(own, turn)
                turn += 1
                with self._lock:
                    self.waiting -= 1

    def _act(self, lane: _Lane, turn: int) -> None:
        """Files and texts in even turns; in odd ones a new version, a deletion, and texts.

        In both a file that is announced, and a long document if one was ordered.
        """
        number = self._take_order()
        if number is not None:
            lane.send_long(f"long-{number}", is_file=number % 2 == 1)
        own, is_even = f"{lane.name}-{turn}", turn % 2 == 0
        lane.announce_short(f"announced-{own}", is_put_by_hand=is_even)
        lane.send_texts(f"text-{own}", 2)
        if is_even:
            lane.upload(f"file-{own}", "of the first version")
            # Lengths that move away from the average make a collection's weights be computed anew.
            for words in (5, 50):
                lane.send_texts(f"{words}-{own}", 1, words, own)
        else:
            lane.upload(f"file-{lane.name}-{turn - 1}", "of the second version")
            lane.delete(lane.upload(None, f"without an id {turn}"))


@dataclass
class _Lane:
    traffic: Traffic
    client: httpx.Client
    dice: random.Random
    name: str
    requests: int = 0

    def upload(self, document_id: str | None, mark: str) -> str:
        """Send a file until it is acknowledged, and return its id."""
        text = self._text(f"{self.name} {mark}", 60)
        return self._send(document_id, mark, "file.md", f"# A title\n\n{text}".encode())

    def _send(self, document_id: str | None, mark: str, name: str, content: bytes) -> str:
        answer = self._repeat(
            "POST",
            "/documents",
            files={"file": (name, content)},
            data={} if document_id is None else {"document_id": document_id},
        )
        identity: str = answer["document_id"]
        self.traffic.acknowledged[identity] = mark
        return identity

    def announce_short(self, document_id: str, *, is_put_by_hand: bool) -> None:
        """Announce a file, and then send its bytes or say where they are."""
        content = self._text(document_id, 30).encode()
        self._announce(document_id, content, is_put_by_hand=is_put_by_hand)

    def send_long(self, document_id: str, *, is_file: bool) -> None:
        """A document of many chunks: a Word file, or a text that is announced."""
        paragraphs = [self._text(document_id, _WORDS_OF_A_CHUNK) for _ in range(_MANY_CHUNKS)]
        if is_file:
            content = make_docx("".join(map(make_paragraph, paragraphs)))
            self._send(document_id, document_id, "long.docx", content)
        else:
            content = "\n\n".join(paragraphs).encode()
            self._announce(document_id, content, is_put_by_hand=True)

    def _announce(self, document_id: str, content: bytes, *, is_put_by_hand: bool) -> None:
        said = {"filename": "a.md", "file_size": len(content), "document_id": document_id}
        upload = self._repeat("POST", "/api/v1/uploads", json=said)["upload"]
        if is_put_by_hand:
            self.traffic.own.put_into_store(upload["blob_key"], content)
            address = f"/api/v1/uploads/{upload['upload_id']}/signal"
            self._repeat("POST", address, json={"event": "DocumentUploaded"})
        else:
            self._repeat("PUT", upload["content_url"], content=content)
        self.traffic.acknowledged[document_id] = document_id

    def send_texts(
        self, prefix: str, count: int, words: int = 40, collection: str = "default"
    ) -> None:
        batch = [
            {"id": f"{prefix}-{n}", "text": self._text(f"{prefix}-{n}", words)}
            for n in range(count)
        ]
        address = f"/documents/batch?collection={collection}"
        self._repeat("POST", address, json=batch)
        self.traffic.acknowledged.update({item["id"]: item["id"] for item in batch})

    def delete(self, document_id: str) -> None:
        # Without an acknowledgement it may be gone or not; after one it must be.
        self.traffic.acknowledged.pop(document_id)
        self._repeat("DELETE", f"/documents/{document_id}")
        self.traffic.deleted.add(document_id)

    def _text(self, mark: str, words: int) -> str:
        said = " ".join(self.dice.choice(_WORDS) for _ in range(words))
        return f"This is {mark}. It speaks of {said}."

    def _repeat(self, method: str, address: str, **body: object) -> dict[str, Any]:
        """The answer of the first request that has one; all have the same Idempotency-Key."""
        self.requests += 1
        headers = {"Idempotency-Key": f"{self.name}/{self.requests}"}
        while True:
            try:
                answer = self.client.request(method, address, headers=headers, **body)  # type: ignore[arg-type] - as httpx takes them
                if answer.status_code in _ACKNOWLEDGED:
                    return answer.json() if answer.content else {}
                if method == "DELETE" and answer.status_code == 404:
                    return {}
                server_log = self.traffic.own.log("server")
                assert answer.status_code in (502, 503), f"{answer.text}\n{server_log}"
            except httpx.TransportError:
                pass
            assert not self.traffic._ended.is_set(), "nobody answered until the end"
            self.traffic.repeats += 1
            time.sleep(_PAUSE_SECONDS)
