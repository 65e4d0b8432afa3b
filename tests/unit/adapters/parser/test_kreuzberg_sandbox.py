import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from tests.waiting import PATIENCE_SECONDS, until

from groundwell.adapters.parser.kreuzberg.parser import KreuzbergParser, ParserLimits
from groundwell.domain.errors import DocumentError
from groundwell.domain.media_types import MediaType

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the cage is Linux's")


def run_caged(program: str, memory_bytes: int = 1 << 30, cpu_seconds: int = 60):
    """Run `program` as a child that has just entered the sandbox."""
    # In the cage no file can be read, not even a module's.
    enter = (
        "import os, socket\n"
        "from groundwell.adapters.parser.kreuzberg.sandbox import enter_sandbox\n"
        f"missing = enter_sandbox({memory_bytes}, {cpu_seconds}, [], [])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", enter + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@linux_only
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"])
def test_caged_child_cannot_open_a_socket(family: str):
    result = run_caged(f"""
        try:
            socket.socket(socket.{family}, socket.SOCK_DGRAM)
        except PermissionError:
            print("refused", missing)
    """)
    assert result.stdout == "refused ()\n", result.stderr


@linux_only
def test_caged_child_cannot_start_programs():
    result = run_caged("""
        try:
            os.execv("/bin/true", ["true"])
        except PermissionError:
            print("refused")
    """)
    assert result.stdout == "refused\n", result.stderr


@linux_only
def test_caged_child_cannot_kill_its_parent():
    result = run_caged("""
        import os
        try:
            os.kill(os.getppid(), 0)
        except PermissionError:
            print("refused")
    """)
    assert result.stdout == "refused\n", result.stderr


@linux_only
def test_caged_child_cannot_take_more_memory_than_allowed():
    result = run_caged(
        """
        try:
            bytearray(300 << 20)
        except MemoryError:
            print("refused")
        """,
        memory_bytes=200 << 20,
    )
    assert result.stdout == "refused\n", result.stderr


def test_caged_child_cannot_compute_for_ever():
    assert run_caged("while True: pass", cpu_seconds=1).returncode < 0


async def parse_with(program: str, tmp_path: Path, **limits: float):
    parser = KreuzbergParser(
        ParserLimits(**limits),
        command=(sys.executable, "-c", textwrap.dedent(program), str(tmp_path)),
    )
    path = tmp_path / "file.txt"
    path.write_text("words")
    return await parser.parse(path, "file.txt", MediaType.TXT)


SLEEPS_WITH_A_CHILD = """
    import os, sys, time
    child = os.fork()
    if child:
        open(sys.argv[1] + "/pids", "w").write(f"{os.getpid()} {child}\\n")
    time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def pids_in(note: Path) -> list[int]:
    return [int(pid) for pid in note.read_text().split()]


def is_written(note: Path) -> bool:
    return note.exists() and note.read_text().endswith("\n")


async def test_cancelling_kills_the_child_and_its_children(tmp_path: Path):
    task = asyncio.create_task(parse_with(SLEEPS_WITH_A_CHILD, tmp_path))
    note = tmp_path / "pids"
    await until(lambda: is_written(note))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not any(map(is_running, pids_in(note))))


async def test_child_that_takes_too_long_is_killed(tmp_path: Path):
    note = tmp_path / "pids"
    # On a busy machine the child may not even have begun.
    for seconds in (0.5, 5.0, 30.0):
        with pytest.raises(DocumentError, match="longer than") as caught:
            await parse_with(SLEEPS_WITH_A_CHILD, tmp_path, wall_seconds=seconds)
        assert caught.value.code == "parser_timeout"
        if is_written(note):
            break
    await until(lambda: not any(map(is_running, pids_in(note))))


async def test_child_that_talks_too_much_is_stopped(tmp_path: Path):
    program = "while True: print('x' * (1 << 20))"
    with pytest.raises(DocumentError) as caught:
        await parse_with(program, tmp_path, max_characters=10)
    assert caught.value.code == "document_bomb"


@pytest.mark.parametrize(
    "program",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "print('this is no answer')",
        """print('{"reading": {"text": "short", "pages": [[1, 0, 99]]}}')""",
        """print('{"reading": {"text": "zero \\\\u0000"}}')""",
        """print('{"reading": {"text": "lone \\\\ud800"}}')""",
        "print('{}')",
    ],
)
async def test_child_that_breaks_or_lies_is_a_crash(program: str, tmp_path: Path):
    with pytest.raises(DocumentError) as caught:
        await parse_with(program, tmp_path)
    assert caught.value.code == "parser_crashed"


async def test_child_that_runs_out_of_memory_is_a_bomb(tmp_path: Path):
    program = "import sys; sys.exit('memory allocation of 9 bytes failed')"
    with pytest.raises(DocumentError) as caught:
        await parse_with(program, tmp_path)
    assert caught.value.code == "document_bomb"


async def test_child_inherits_no_secrets_and_works_in_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GROUNDWELL_SECRET_KEY", "not-for-parsers")
    program = """
        import json, os
        seen = {"variables": sorted(os.environ), "files": os.listdir("."), "here": os.getcwd()}
        print(json.dumps({"reading": {"text": json.dumps(seen)}}))
    """
    document = await parse_with(program, tmp_path)
    assert "GROUNDWELL" not in document.text
    assert '"files": []' in document.text
    assert str(Path.cwd()) not in document.text
