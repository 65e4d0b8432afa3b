"""The process that serves, and keeps a worker beside it."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import uvicorn

from groundwell import __version__
from groundwell.bootstrap import open_services
from groundwell.cli.console import complain, err
from groundwell.cli.logs import configure_logging
from groundwell.domain.errors import GroundwellError, StartupError
from groundwell.first_start import SAMPLE_COLLECTION, Owner, ensure_owner, load_samples
from groundwell.main import create_app
from groundwell.services import Services
from groundwell.settings import Settings, load_settings

_WORKER_STOP_SECONDS = 25.0
_WORKER_PAUSE_SECONDS = 2.0
_BACKLOG = 2048
# Longer than the minute for which proxies and clients usually keep an idle connection: whoever
# closes first must not be the server, or a request could meet a closing connection.
_KEEP_ALIVE_SECONDS = 75


def run_server(
    data_dir: Path | None, host: str | None, port: int | None, *, with_worker: bool
) -> None:
    """Serve until a signal comes. Raises StartupError when the address cannot be had."""
    settings = load_settings(data_dir=data_dir, host=host, port=port)
    configure_logging(settings.log_level)
    with _bind(settings) as listening:
        config = uvicorn.Config(
            create_app(_running(settings, listening, with_worker=with_worker)),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=25,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=64 << 10,
        )
        server = uvicorn.Server(config)
        with suppress(KeyboardInterrupt, SystemExit):
            # The web server has stopped in good order when it passes the signal on, and has a
            # code of its own for a start that failed.
            server.run(sockets=[listening])
    if not server.started:
        sys.exit(1)


@asynccontextmanager
async def _running(
    settings: Settings, listening: socket.socket, *, with_worker: bool
) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        services, owner, samples = await _start(settings, stack)
        if with_worker:
            supervising = asyncio.ensure_future(_supervise_worker(settings))
            stack.push_async_callback(_stop, supervising)
        # From here on clients may connect, so that `ready` is true when it is printed.
        listening.listen(_BACKLOG)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"http://{host}:{listening.getsockname()[1]}"
        note = settings.data_dir / "server.json"
        own = json.dumps({"url": address, "pid": os.getpid()})
        if not _is_taken(note):
            note.write_text(own, encoding="utf-8")
            stack.callback(_take_back, note, own)
        _welcome(settings, address, owner, samples)
        # What start made stays until the end: the collector need not look at it ever again.
        gc.collect()
        gc.freeze()
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
        complain(f"The server cannot start: {reason}")
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


def _command() -> str:
    """How this command is to be called from another shell in the same folder."""
    called = Path(sys.argv[0])
    if called.name != "groundwell" or shutil.which("groundwell") is not None:
        return "groundwell"
    return os.path.relpath(called)


def _welcome(settings: Settings, address: str, owner: Owner, samples: int) -> None:
    err.print(f"[bold]Groundwell {__version__}[/] is ready at [bold]{address}[/]")
    err.print(f"  API docs   {address}/docs")
    err.print(f"  Data       {settings.data_dir}")
    if owner.new_key is not None:
        err.print(f"  Owner key  [bold]{owner.new_key}[/]")
        err.print(f"             (shown once; kept in {owner.key_file})")
    else:
        err.print(f"  Owner key  in {owner.key_file}")
    if samples:
        err.print(
            f"  {samples} sample documents are being indexed. Then try, in another shell:\n"
            f"  {_command()} ask --collection {SAMPLE_COLLECTION}"
            ' "How accurate is RTK positioning?"'
        )
    err.print("  Ctrl+C stops the server.")


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


async def _supervise_worker(settings: Settings) -> None:
    """Keep one worker process alive until cancelled; then let it finish what it does."""
    command = ("work", "--parent", str(os.getpid()), "--data-dir", str(settings.data_dir))
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "groundwell", *command),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
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
