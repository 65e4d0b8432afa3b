"""Calls to addresses that others have chosen: whom they reach, and what a receiver can do."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.fakes.provider import ScriptedProvider, keeps_silent, reply, says, scripted_provider
from tests.security.seed import tell

from groundwell.adapters.callback_sender.httpcore import HttpcoreCallbackSender, resolve
from groundwell.domain.webhooks.hosts import HostRules
from groundwell.domain.webhooks.networks import IPAddress
from groundwell.ports.callback_sender import Fate, Receipt

# Of what would else last for a minute or for ever, on a machine that may be slow.
MOST_SECONDS = 30.0
BODY = b'{"type": "document.completed"}'
NAME = "hooks.example.org"
PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.1"
TAKEN = says(reply("204 No Content"))


class Network(httpcore.AsyncNetworkBackend):
    """Remembers which addresses are connected to; whatever they are, the receiver stands there."""

    def __init__(self, port: int, away: Sequence[str] = ()) -> None:
        self.port = port
        self.away = away
        self.connected: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the backend's protocol
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        del port, local_address, socket_options
        self.connected.append(host)
        if host in self.away:
            raise httpcore.ConnectError
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self.port, timeout)


class Names:
    """A resolver that gives another answer each time, as an attacker's would."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
        del port
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ip_address(address) for address in answer]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of `NAME` with its key, trusted by whoever names the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(pem, form, plain) + made.public_bytes(pem))
    return file


@pytest.fixture
def served(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


def local(receiver: ScriptedProvider, seconds: float = 10.0) -> HttpcoreCallbackSender:
    """A sender that may call the receiver, and nothing else."""
    return HttpcoreCallbackSender(HostRules([f"127.0.0.1:{receiver.port}"]), seconds=seconds)


def at(receiver: ScriptedProvider, target: str = "/hook") -> str:
    return f"http://127.0.0.1:{receiver.port}{target}"


async def test_a_call_brings_the_body_and_its_headers_to_path_and_query():
    async with scripted_provider(TAKEN) as receiver:
        url = at(receiver, "/a/b%20c?token=x&y=@")
        receipt = await local(receiver).send(url, {"webhook-id": "7"}, BODY)
    assert receipt == Receipt(Fate.DELIVERED)
    ((head, body),) = receiver.raw
    assert head.startswith(b"POST /a/b%20c?token=x&y=@ HTTP/1.1\r\n")
    for line in (
        f"Host: 127.0.0.1:{receiver.port}",
        "webhook-id: 7",
        "Content-Type: application/json",
        "Connection: close",
    ):
        assert line.encode() in head
    assert b"authorization" not in head.lower()
    assert body == BODY


async def test_a_name_that_changes_between_check_and_connection_reaches_the_checked_address_only(
    served: ssl.SSLContext, trusted: ssl.SSLContext
):
    names = Names([PUBLIC], [PRIVATE])
    async with scripted_provider(TAKEN, encryption=served) as receiver:
        network = Network(receiver.port)
        sender = HttpcoreCallbackSender(
            HostRules(["*"]), encryption=trusted, resolve=names, network=network
        )
        first = await sender.send(f"https://{NAME}/hook", {}, BODY)
        second = await sender.send(f"https://{NAME}/hook", {}, BODY)
    assert first.fate is Fate.DELIVERED
    assert second.fate is Fate.REFUSED
    assert names.asked == [NAME, NAME]
    assert network.connected == [PUBLIC]
    ((head, _),) = receiver.raw
    assert f"Host: {NAME}\r\n".encode() in head
    tell(
        "DNS rebinding: 1 look-up a call, 1 connection, to the checked address; the second refused"
    )


@pytest.mark.parametrize(
    "answer",
    [
        [PRIVATE],
        [PUBLIC, PRIVATE],
        [PUBLIC, "169.254.169.254"],
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["fe80::1%1"],
        ["64:ff9b::a9fe:a9fe"],
    ],
)
async def test_one_inner_address_of_a_name_is_enough_to_connect_to_none(answer: list[str]):
    network = Network(0)
    sender = HttpcoreCallbackSender(HostRules(["*"]), resolve=Names(answer), network=network)
    receipt = await sender.send(f"https://{NAME}/", {}, BODY)
    assert receipt.fate is Fate.REFUSED
    assert network.connected == []


async def test_the_credentials_of_the_machine_are_out_of_reach_even_for_a_listed_name():
    network, names = Network(0), Names(["169.254.169.254"])
    sender = HttpcoreCallbackSender(HostRules([NAME]), resolve=names, network=network)
    for scheme in ("http", "https"):
        assert (await sender.send(f"{scheme}://{NAME}/", {}, BODY)).fate is Fate.REFUSED
    assert network.connected == []


async def test_without_encryption_a_listed_name_reaches_private_addresses_only():
    async with scripted_provider(TAKEN) as receiver:
        network, names = Network(receiver.port), Names([PRIVATE], [PUBLIC])
        sender = HttpcoreCallbackSender(HostRules([NAME]), resolve=names, network=network)
        inside = await sender.send(f"http://{NAME}/", {}, BODY)
        outside = await sender.send(f"http://{NAME}/", {}, BODY)
    assert (inside.fate, outside.fate) == (Fate.DELIVERED, Fate.REFUSED)
    assert network.connected == [PRIVATE]


async def test_the_next_address_is_tried_where_one_takes_no_connection(
    served: ssl.SSLContext, trusted: ssl.SSLContext
):
    both = ["2606:4700::1111", PUBLIC]
    async with scripted_provider(TAKEN, encryption=served) as receiver:
        network = Network(receiver.port, away=both[:1])
        sender = HttpcoreCallbackSender(
            HostRules(["*"]), encryption=trusted, resolve=Names(both), network=network
        )
        receipt = await sender.send(f"https://{NAME}/", {}, BODY)
    assert receipt.fate is Fate.DELIVERED
    assert network.connected == both


async def test_the_certificate_must_be_that_of_the_name_not_of_the_address(
    served: ssl.SSLContext, trusted: ssl.SSLContext
):
    async with scripted_provider(TAKEN, encryption=served) as receiver:
        network = Network(receiver.port)
        for rightful, encryption in ((False, trusted), (True, ssl.create_default_context())):
            name = NAME if rightful else "other.example.org"
            sender = HttpcoreCallbackSender(
                HostRules(["*"]), encryption=encryption, resolve=Names([PUBLIC]), network=network
            )
            receipt = await sender.send(f"https://{name}/", {}, BODY)
            assert receipt.fate is Fate.AWAY
            assert receipt.error == "No encrypted connection to the receiver could be made."
    assert receiver.raw == []


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 x", "308 x"])
async def test_a_redirect_is_a_failed_call_and_is_not_followed(status: str):
    async with scripted_provider(TAKEN) as inner:
        moved = says(reply(status, headers=f"Location: {at(inner)}\r\n"))
        async with scripted_provider(moved) as receiver:
            # Even where the other address may be called.
            rules = HostRules([f"127.0.0.1:{port}" for port in (receiver.port, inner.port)])
            receipt = await HttpcoreCallbackSender(rules).send(at(receiver), {}, BODY)
    assert receipt.fate is Fate.FAILED
    assert "redirects" in (receipt.error or "")
    assert (len(receiver.raw), inner.raw) == (1, [])


@pytest.mark.parametrize("status", ["400 Bad", "404 No", "410 Gone", "429 Slow", "500 x", "503 x"])
async def test_whatever_is_no_success_is_a_failed_call(status: str):
    async with scripted_provider(says(reply(status, b"the secret of the receiver"))) as receiver:
        receipt = await local(receiver).send(at(receiver), {}, BODY)
    assert receipt == Receipt(Fate.FAILED, f"The receiver answered with HTTP {status[:3]}.")


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch):
    async with scripted_provider(TAKEN) as proxy, scripted_provider(TAKEN) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        receipt = await local(receiver).send(at(receiver), {}, BODY)
    assert receipt.fate is Fate.DELIVERED
    assert (len(receiver.raw), proxy.raw) == (1, [])


async def test_a_receiver_that_says_nothing_ends_the_call_in_time():
    async with scripted_provider(keeps_silent) as receiver:
        began = time.monotonic()
        receipt = await local(receiver, seconds=0.5).send(at(receiver), {}, BODY)
        seconds = time.monotonic() - began
        await hung_up(receiver)
    assert receipt == Receipt(Fate.AWAY, "The receiver did not answer in time.")
    # The receiver would be silent for a minute.
    assert seconds < MOST_SECONDS


async def hung_up(receiver: ScriptedProvider) -> None:
    """Wait until the receiver has noticed that nobody listens any more."""
    async with asyncio.timeout(MOST_SECONDS):
        while receiver.open_connections:  # noqa: ASYNC110 - the receiver hears of it by TCP
            await asyncio.sleep(0.01)


async def test_a_head_that_drips_or_never_ends_ends_the_call():
    async def drips(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def floods(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: " + b"y" * 60_000 + b"\r\n")
            await writer.drain()

    async def informs(_: object, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await writer.drain()

    async with scripted_provider(drips, drips, floods, informs) as receiver:
        began = time.monotonic()
        # What floods is too much before its time is over.
        patience = (0.5, 10 * MOST_SECONDS, 0.5)
        receipts = [await local(receiver, each).send(at(receiver), {}, BODY) for each in patience]
        seconds = time.monotonic() - began
    assert [receipt.fate for receipt in receipts] == [Fate.AWAY, Fate.FAILED, Fate.AWAY]
    assert seconds < MOST_SECONDS


async def test_a_body_without_an_end_is_not_read_on():
    sent = 0

    async def pours(_: object, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"x" * (64 << 10))
            await writer.drain()
            sent += 64 << 10

    async def drips(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.2)

    async with scripted_provider(pours, pours, drips) as receiver:
        began = time.monotonic()
        patient = local(receiver, 10 * MOST_SECONDS)
        receipts = [await patient.send(at(receiver), {}, BODY) for _ in range(2)]
        seconds = time.monotonic() - began
        await hung_up(receiver)
        before = sent
        await asyncio.sleep(0.1)
        assert sent == before, "the connection is closed"
    # The status is what counts.
    assert {receipt.fate for receipt in receipts} == {Fate.DELIVERED}
    assert seconds < MOST_SECONDS
    tell(f"endless answers: over after {seconds:.1f} s, {sent >> 10} KiB left the receiver")


async def test_a_receiver_that_speaks_no_http_is_a_failed_call():
    for nonsense in (b"SSH-2.0-OpenSSH_9\r\n", b"", b"HTTP/1.1 OK\r\n\r\n", b"\x15\x03\x01"):
        async with scripted_provider(says(nonsense)) as receiver:
            receipt = await local(receiver).send(at(receiver), {}, BODY)
        assert receipt.fate is Fate.FAILED, nonsense


async def test_a_closed_port_and_an_unknown_name_are_away():
    # Bound and not listening: whoever connects is refused, and nobody else gets the port.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = ScriptedProvider(TAKEN, port=taken.getsockname()[1])
        receipt = await local(closed).send(at(closed), {}, BODY)
    assert receipt == Receipt(Fate.AWAY, "The receiver could not be reached.")

    async def knows_nobody(host: str, port: int) -> Sequence[IPAddress]:
        raise OSError(f"{host}:{port} is unknown")

    sender = HttpcoreCallbackSender(HostRules(["*"]), resolve=knows_nobody)
    assert (await sender.send(f"https://{NAME}/", {}, BODY)).fate is Fate.AWAY


async def test_the_systems_resolver_gives_addresses_that_are_judged():
    assert ip_address("127.0.0.1") in await resolve("localhost", 443)
    sender = HttpcoreCallbackSender(HostRules(["*"]))
    assert (await sender.send("https://localhost/", {}, BODY)).fate is Fate.REFUSED


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """The lines of all loggers at the lowest level."""
    lines: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign] - the shortest handler
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


async def test_no_line_of_the_log_and_no_receipt_has_path_or_query():
    async with scripted_provider(says(reply("500 Canary"))) as receiver:
        with everything_logged() as lines:
            url = at(receiver, "/canary-path?token=canary-query")
            receipt = await local(receiver).send(url, {}, BODY)
    assert receipt.fate is Fate.FAILED
    assert "canary" not in (receipt.error or "").lower()
    for line in lines:
        assert "canary-path" not in line
        assert "canary-query" not in line
