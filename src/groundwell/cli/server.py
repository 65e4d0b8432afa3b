"""The process that serves, and keeps a worker beside it."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import uvicorn
from fastapi import FastAPI

from groundwell.bootstrap import open_services
from groundwell.cli.console import complain, err
from groundwell.cli.descriptors import most_connections
from groundwell.cli.log_lines import Redaction
from groundwell.cli.logs import chosen_format, configure_logging, secrets_of
from groundwell.cli.parent import wait_until_orphaned
from groundwell.cli.welcome import welcome
from groundwell.domain.errors import GroundwellError, StartupError
from groundwell.domain.proxies import TrustedProxies
from groundwell.first_start import Owner, ensure_owner, load_samples
from groundwell.main import create_app
from groundwell.services import Services
from groundwell.settings import Settings, load_settings
from groundwell.web.closing import Closing
from groundwell.web.connection import Connection
from groundwell.web.connections import Connections
from groundwell.web.server import WebServer

_log = logging.getLogger(__name__)
_WORKER_STOP_SECONDS = 25.0
_WORKER_PAUSE_SECONDS = 2.0
_BACKLOG = 2048
# What is kept in memory, such as the facts of passages and thousands of connections, is looked at
# by the collector again and again. With the usual thresholds that takes milliseconds of every set
# of questions, and stops everybody for a tenth of a second whenever many connections come.
_GARBAGE_THRESHOLDS = (2_000, 10, 50)
# Longer than the minute for which proxies and clients usually keep an idle connection: whoever
# closes first must not be the server, or a request could meet a closing connection.
_KEEP_ALIVE_SECONDS = 75


def run_server(
    data_dir: Path | None,
    host: str | None,
    port: int | None,
    *,
    with_worker: bool,
    parent: int | None = None,
) -> None:
    """Serve until a signal comes, or the process `parent` is no longer the one that started this.

    Raises StartupError when the address cannot be had.
    """
    settings = load_settings(data_dir=data_dir, host=host, port=port)
    configure_logging(settings)
    with _bind(settings) as listening:
        closing = Closing()
        opening = _running(settings, listening, parent, closing, with_worker=with_worker)
        server = _make_server(settings, create_app(opening, closing), closing)
        # The web server has stopped in good order when it passes the signal on, and has a code of
        # its own for a start that failed. A stop that was asked for is a success.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt, SystemExit):
            server.run(sockets=[listening])
    if not server.started:
        sys.exit(1)


def _make_server(settings: Settings, app: FastAPI, closing: Closing) -> WebServer:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        http=Connection,
        ws="none",
        # It believes the left-most address, which anybody can make up. Ours: `web/forwarded.py`.
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )

    def end_streams() -> None:
        app.state.admission.streams.end()

    return WebServer(
        config,
        closing,
        Connections(most_connections(), TrustedProxies(settings.trusted_proxies)),
        end_streams,
        request_seconds=settings.request_seconds,
    )


@asynccontextmanager
async def _running(
    settings: Settings,
    listening: socket.socket,
    parent: int | None,
    closing: Closing,
    *,
    with_worker: bool,
) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        if parent is not None:
            watching = asyncio.ensure_future(_stop_with_parent(parent))
            stack.push_async_callback(_stop, watching)
        services, owner, samples = await _start(settings, stack)
        if with_worker:
            supervising = asyncio.ensure_future(_supervise_worker(settings, closing))
            stack.push_async_callback(_finish, supervising, closing)
        # From here on clients may connect, so that `ready` is true when it is printed.
        listening.listen(_BACKLOG)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"http://{host}:{listening.getsockname()[1]}"
        note = settings.data_dir / "server.json"
        own = json.dumps({"url": address, "pid": os.getpid()})
        if not _is_taken(note):
            note.write_text(own, encoding="utf-8")
            stack.callback(_take_back, note, own)
        welcome(settings, chosen_format(settings), address, owner, samples)
        # What start made stays until the end: the collector need not look at it ever again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GARBAGE_THRESHOLDS)
        yield services


async def _start(settings: Settings, stack: AsyncExitStack) -> tuple[Services, Owner, int]:
    """Open everything; what goes wrong is said in one sentence."""
    try:
        services = await stack.enter_async_context(open_services(settings))
        owner = await ensure_owner(services, settings.data_dir)
        samples = 0
        if owner.is_first_start and settings.load_samples:
            samples = await load_samples(services, owner)
    except (GroundwellError, psycopg.Error, OSError) as error:
        reason = (
            error.detail if isinstance(error, GroundwellError) else " ".join(str(error).split())
        )
        # The database's own words may repeat its address.
        shown = Redaction(secrets_of(settings))(reason)
        complain(f"The server cannot start: {shown}")
        err.print("Run `groundwell doctor` to see what is missing.")
        # The web server would bury the sentence under the trace of its own frames.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        raise
    return services, owner, samples


def _is_taken(note: Path) -> bool:
    """Whether another server of the same folder, which still runs, has left its address."""
    try:
        return psutil.pid_exists(int(json.loads(note.read_text(encoding="utf-8"))["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _take_back(note: Path, own: str) -> None:
    """Remove the note by which commands find this server, unless another one has left its own."""
    with suppress(FileNotFoundError):
        if note.read_text(encoding="utf-8") == own:
            note.unlink()


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        raise StartupError(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Choose another port with --port.",
            code="port_in_use",
        ) from error
    return bound


async def _stop_with_parent(parent: int) -> None:
    await wait_until_orphaned(parent)
    # The web server knows how to stop by a signal.
    signal.raise_signal(signal.SIGTERM)


async def _supervise_worker(settings: Settings, closing: Closing) -> None:
    """Keep one worker process alive until the end; then let it finish what it does."""
    command = ("work", "--parent", str(os.getpid()), "--data-dir", str(settings.data_dir))
    while not closing.is_begun():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "groundwell", *command),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        ended = asyncio.ensure_future(process.wait())
        stopping = asyncio.ensure_future(closing.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if closing.is_begun():
            # At the same time as the server, not after it: both have to end within 30 seconds.
            await _end(process)
            return
        _log.warning("the worker ended with code %s and is started again", process.returncode)
        await asyncio.sleep(_WORKER_PAUSE_SECONDS)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _WORKER_STOP_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()


async def _finish(supervising: asyncio.Future[None], closing: Closing) -> None:
    closing.announce()
    await supervising


async def _stop(task: asyncio.Future[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
