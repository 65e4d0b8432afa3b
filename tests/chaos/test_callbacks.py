"""Workers are killed around the end of documents: whoever asked is told all the same."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from tests.chaos.crashing import CALLBACK_PLACES
from tests.chaos.installation import Installation, installation
from tests.seeds import IS_LONG, SEED

pytestmark = pytest.mark.slow

# A call that came too late for the one who made it is made again after 5 s, and then after 30.
SECONDS = 180
PLACES = CALLBACK_PLACES if IS_LONG else ("before_call", "after_call")
ROUNDS = 4 if IS_LONG else 1


@dataclass
class Receiver:
    """Takes whatever comes. `bodies` of each event id, in the order in which they came."""

    port: int = 0
    bodies: dict[str, list[bytes]] = field(default_factory=dict)

    def documents(self) -> Counter[str]:
        """How many different events came of each document."""
        return Counter(
            json.loads(bodies[0])["data"]["document_id"] for bodies in list(self.bodies.values())
        )


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.bodies.setdefault(self.headers["webhook-id"], []).append(body)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


def wait_until_delivered(own: Installation, client: httpx.Client, names: Sequence[str]) -> None:
    deadline = time.monotonic() + SECONDS
    states: dict[str, str] = {}
    while list(states.values()) != ["delivered"] * len(names):
        assert time.monotonic() < deadline, (states, own.log("worker"))
        time.sleep(0.1)
        states = {
            name: client.get(f"/documents/{name}").json()["callback"]["state"] for name in names
        }


def test_no_event_is_lost_and_none_has_two_ids_when_workers_die_before_or_after_the_call(
    tmp_path: Path,
):
    begun, sent = time.monotonic(), []
    with receiving() as receiver:
        host = f"127.0.0.1:{receiver.port}"
        settings = f'webhook_hosts = ["{host}"]\n'
        with installation(tmp_path / "data", settings) as own, own.client() as client:
            for number in range(ROUNDS):
                for place in PLACES:
                    own.kill("worker")
                    own.start("worker", place)
                    sent.append(f"{place}-{number}")
                    answer = client.post(
                        "/documents",
                        files={"file": ("a.txt", f"The note {sent[-1]}.".encode())},
                        data={"document_id": sent[-1], "callback_url": f"http://{host}/in"},
                    )
                    assert answer.status_code == 202, answer.text
                    own.processes["worker"].join(SECONDS)
                    assert own.was_killed("worker"), own.log("worker")
                    # An event whose worker dies three times is given up, as any job is.
                    own.start("worker")
                    wait_until_delivered(own, client, sent)
    assert receiver.documents() == Counter(sent)
    again = 0
    for bodies in receiver.bodies.values():
        assert len(set(bodies)) == 1, "the same bytes each time"
        again += len(bodies) - 1
    sys.stdout.write(
        f"\n{len(sent)} workers killed around the call in {time.monotonic() - begun:.0f} s: "
        f"{len(sent)} events delivered, {again} of them once more (seed {SEED})\n"
    )
