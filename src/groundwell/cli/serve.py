"""`groundwell serve`: the server, and a worker beside it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Annotated

import typer
import uvicorn

from groundwell import __version__
from groundwell.bootstrap import open_services
from groundwell.cli.console import DataDir, err
from groundwell.cli.logs import configure_logging
from groundwell.domain.errors import StartupError
from groundwell.first_start import SAMPLE_COLLECTION, Owner, ensure_owner, load_samples
from groundwell.main import create_app
from groundwell.services import Services
from groundwell.settings import Settings, load_settings

_WORKER_STOP_SECONDS = 25.0
_WORKER_PAUSE_SECONDS = 2.0


def serve(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    *,
    worker: Annotated[
        bool, typer.Option(help="Start a worker beside the server, which ingests documents.")
    ] = True,
) -> None:
    """Start the server."""
    settings = load_settings(data_dir=data_dir, host=host, port=port)
    configure_logging(settings.log_level)
    listening = _listen(settings)
    address = f"http://{settings.host}:{listening.getsockname()[1]}"
    app = create_app(_running(settings, address, with_worker=worker))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=25,
        h11_max_incomplete_event_size=64 << 10,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listening])
    if not server.started:
        sys.exit(1)


@asynccontextmanager
async def _running(
    settings: Settings, address: str, *, with_worker: bool
) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(settings))
        owner = await ensure_owner(services, settings.data_dir)
        samples = 0
        if owner.is_first_start and settings.load_samples:
            samples = await load_samples(services, owner)
        if with_worker:
            supervising = asyncio.ensure_future(_supervise_worker(settings))
            stack.push_async_callback(_stop, supervising)
        note = settings.data_dir / "server.json"
        note.write_text(json.dumps({"url": address, "pid": os.getpid()}), encoding="utf-8")
        stack.callback(note.unlink, missing_ok=True)
        _welcome(settings, address, owner, samples)
        yield services


def _welcome(settings: Settings, address: str, owner: Owner, samples: int) -> None:
    err.print(f"[bold]Groundwell {__version__}[/] is ready at [bold]{address}[/]")
    err.print(f"  API docs   {address}/docs")
    err.print(f"  Data       {settings.data_dir}")
    if owner.new_key is not None:
        err.print(f"  Owner key  [bold]{owner.new_key}[/]", soft_wrap=True)
        err.print(f"             (shown once; kept in {owner.key_file})")
    else:
        err.print(f"  Owner key  in {owner.key_file}")
    if samples:
        err.print(
            f"  {samples} sample documents are being indexed. Then try, in another shell:\n"
            f'  groundwell ask --collection {SAMPLE_COLLECTION} "Why do spring tides occur?"'
        )
    err.print("  Ctrl+C stops the server.")


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise StartupError(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Choose another port with --port.",
            code="port_in_use",
        ) from error
    return listening


async def _supervise_worker(settings: Settings) -> None:
    """Keep one worker process alive until cancelled; then let it finish what it does."""
    command = ("-m", "groundwell", "work", "--with-parent", "--data-dir", str(settings.data_dir))
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        try:
            await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise
        err.print(f"The worker ended with code {process.returncode} and is started again.")
        await asyncio.sleep(_WORKER_PAUSE_SECONDS)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _WORKER_STOP_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()


async def _stop(task: asyncio.Future[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
