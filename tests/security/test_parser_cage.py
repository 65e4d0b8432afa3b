"""A parser that an attacker has taken over: what it still reaches."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.security.outcomes import count_callers, listener

from groundwell.adapters.parser.kreuzberg.parser import KreuzbergParser, ParserLimits
from groundwell.domain.errors import DocumentError
from groundwell.domain.media_types import MediaType

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the cage is Linux's")

# The real child with the real sandbox; only what reads the text is the attacker's.
TAKEN_OVER = """
import sys
sys.path[:] = sys.argv[3:]
from groundwell.adapters.parser.kreuzberg import child
from groundwell.domain.media_types import MediaType
sys.path.append(sys.argv[1])
child._READERS[MediaType.TXT] = sys.argv[2]
child.main()
"""
ATTEMPTS = """
import ctypes, os, resource, signal, socket, tempfile
from groundwell.adapters.parser.kreuzberg.reading import Reading

LIBC = ctypes.CDLL(None, use_errno=True)

def call(number, *given):
    if LIBC.syscall(number, *given) < 0:
        raise OSError(ctypes.get_errno(), "refused")

def write(path):
    with open(path, "w") as file:
        file.write("x")

def attempt(deed):
    try:
        deed()
    except OSError as error:
        return type(error).__name__
    return "done"

def read(task):
    deeds = {deeds}
    return Reading("\\n".join(f"{{name}}: {{attempt(deed)}}" for name, deed in deeds.items()))
"""


async def attempts(folder: Path, deeds: dict[str, str]) -> dict[str, str]:
    """Try the expressions inside the cage; returns `done` or the name of the error for each."""
    written = ", ".join(f"{name!r}: lambda: {deed}" for name, deed in deeds.items())
    attacker = folder / "attacker"
    attacker.mkdir()
    (attacker / "hostile_reader.py").write_text(ATTEMPTS.format(deeds=f"{{{written}}}"))
    import_path = [entry for entry in sys.path if entry]
    command = (
        *(sys.executable, "-I", "-c", TAKEN_OVER),
        *(str(attacker), "hostile_reader", *import_path),
    )
    path = folder / "document"
    path.write_text("words")
    document = await KreuzbergParser(command=command).parse(path, "a.txt", MediaType.TXT)
    return dict(line.split(": ") for line in document.text.split("\n"))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder as the server's, with its secrets and somebody else's file."""
    folder = tmp_path / "data"
    (folder / "blobs").mkdir(parents=True)
    for name in ("owner.key", "secret.key", "blobs/theirs"):
        (folder / name).write_text("secret")
    return folder


async def test_a_parser_that_is_taken_over_reads_nothing_but_its_document(
    tmp_path: Path, data_dir: Path
) -> None:
    out_of_reach = [
        *(data_dir / name for name in ("owner.key", "secret.key", "blobs/theirs")),
        *map(Path, ("/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/1/cmdline")),
        Path(f"/proc/{os.getpid()}/environ"),
        Path(f"/proc/{os.getpid()}/maps"),
        Path(f"/proc/{os.getpid()}/mem"),
        Path(f"/proc/{os.getpid()}/root/etc/passwd"),
        Path.home() / ".profile",
    ]
    deeds = {f"read {path}": f"open({str(path)!r}, 'rb')" for path in out_of_reach if path.exists()}
    deeds |= {f"list {path}": f"os.listdir({path!r})" for path in ("/", "/etc", "/tmp", "/proc")}
    answers = await attempts(
        tmp_path,
        {
            **deeds,
            "link": f"os.symlink({str(data_dir)!r}, os.environ['TMPDIR'] + '/x')"
            " or open(os.environ['TMPDIR'] + '/x/owner.key')",
            "write": f"write({str(data_dir / 'planted')!r})",
            "truncate": f"os.truncate({str(data_dir / 'owner.key')!r}, 0)",
            "remove": f"os.remove({str(data_dir / 'owner.key')!r})",
            "overwrite code": f"write({str(Path(__file__))!r})",
            "own document": "open(task.path)",
            "own scratch": "write(tempfile.gettempdir() + '/y')",
        },
    )
    reached = {name for name, answer in answers.items() if answer == "done"}
    sys.stdout.write(f"{len(answers) - 2} ways to foreign files: {len(reached) - 2} worked\n")
    assert reached == {"own document", "own scratch"}
    assert (data_dir / "owner.key").read_text() == "secret"


async def test_a_parser_that_is_taken_over_reaches_no_process_and_no_network(
    tmp_path: Path,
) -> None:
    me = os.getpid()
    with listener() as (server, address):
        port = address.split(":")[2].split("/")[0]
        answers = await attempts(
            tmp_path,
            {
                "connect": f"socket.create_connection(('127.0.0.1', {port}))",
                "memory that is a file": "os.memfd_create('x')",
                "datagrams": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
                "fork": "os.fork()",
                "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
                "kill": f"os.kill({me}, 0)",
                "kill group": f"os.killpg(os.getpgid({me}), 0)",
                "stop a thread": f"call({234 if os.uname().machine == 'x86_64' else 131}, "
                f"{me}, {me}, 0)",
                "limit another": f"resource.prlimit({me}, resource.RLIMIT_CORE, (0, 0))",
                "raise own limit": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1)) "
                "if os.geteuid() else open('/')",
            },
        )
        assert count_callers(server) == 0
    sys.stdout.write(f"{len(answers)} ways to processes and networks: {answers}\n")
    assert "done" not in answers.values()


async def test_what_the_kernel_lacks_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = """
        import sys
        sys.stdin.read()
        print("sandbox: other files can be read: this kernel has no Landlock", file=sys.stderr)
        print('{"reading": {"text": "words"}}')
    """
    parser = KreuzbergParser(command=(sys.executable, "-c", textwrap.dedent(program)))
    path = tmp_path / "document"
    path.write_text("words")
    for _ in range(3):
        assert (await parser.parse(path, "a.txt", MediaType.TXT)).text == "words"
    lacking = [line.message for line in caplog.records if "sandbox lacks" in line.message]
    assert len(lacking) == 1
    assert "no Landlock" in lacking[0]


def test_rules_that_the_kernel_refuses_are_told() -> None:
    # A process that may open nothing more cannot make a set of rules.
    program = """
        import ctypes, resource
        from groundwell.adapters.parser.kreuzberg import file_access
        libc = ctypes.CDLL(None, use_errno=True)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        print(file_access.keep_only(libc, [], []))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.startswith("('other files can be read: "), done.stderr


# Each wild thing meets its own limit, and no other one, however slow the machine.
PATIENT = ParserLimits(memory_bytes=256 << 20, cpu_seconds=120, wall_seconds=240.0)
COMPUTES = replace(PATIENT, cpu_seconds=1)
SLEEPS = replace(PATIENT, wall_seconds=3.0)


@pytest.mark.parametrize(
    ("deed", "code", "limits"),
    [
        ("while True: pass", "parser_timeout", COMPUTES),
        ("x = []\nwhile True: x.append(bytearray(1 << 24))", "document_bomb", PATIENT),
        ("import time\ntime.sleep(600)", "parser_timeout", SLEEPS),
        ("import os\nos.abort()", "document_bomb", PATIENT),
        ("import os\nos._exit(3)", "parser_crashed", PATIENT),
    ],
    ids=["computes", "takes memory", "sleeps", "aborts", "leaves"],
)
async def test_only_the_child_dies_of_a_parser_that_goes_wild(
    deed: str, code: str, limits: ParserLimits, tmp_path: Path
) -> None:
    lines = textwrap.indent(deed, "    ")
    (tmp_path / "wild_reader.py").write_text(f"def read(task):\n{lines}\n")
    import_path = [entry for entry in sys.path if entry]
    command = (
        *(sys.executable, "-I", "-c", TAKEN_OVER),
        *(str(tmp_path), "wild_reader", *import_path),
    )
    path = tmp_path / "document"
    path.write_text("words")
    begun = time.monotonic()
    with pytest.raises(DocumentError) as caught:
        await KreuzbergParser(limits, command=command).parse(path, "a.txt", MediaType.TXT)
    assert caught.value.code == code
    assert time.monotonic() - begun < PATIENT.wall_seconds


FILLERS = {
    "one after the other": """
        for number in range(10_000):
            with open(f"{place}/{number}", "wb") as file:
                file.write(bytes(1 << 20))
    """,
    "in folders": """
        for number in range(10_000):
            os.mkdir(f"{place}/{number}")
            with open(f"{place}/{number}/file", "wb") as file:
                file.write(bytes(1 << 20))
    """,
    "without names": """
        held = []
        for number in range(40):
            held.append(open(f"{place}/{number}", "wb"))
            os.remove(held[-1].name)
            for _ in range(200):
                held[-1].write(bytes(1 << 20))
    """,
    "empty": """
        for number in range(1_000_000):
            open(f"{place}/{number}", "wb").close()
    """,
    "deep": """
        os.chdir(place)
        for number in range(4_000):
            os.mkdir("x" * 100)
            os.chdir("x" * 100)
        time.sleep(600)
    """,
    "locked": """
        os.makedirs(f"{place}/locked/inner")
        with open(f"{place}/locked/inner/file", "wb") as file:
            for _ in range(200):
                file.write(bytes(1 << 20))
        os.chmod(f"{place}/locked/inner", 0)
        os.chmod(f"{place}/locked", 0)
        time.sleep(600)
    """,
}


@pytest.mark.parametrize("deed", FILLERS.values(), ids=list(FILLERS))
async def test_a_parser_that_is_taken_over_cannot_fill_the_disk(
    deed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    lines = textwrap.indent(textwrap.dedent(deed), "    ")
    (tmp_path / "wild_reader.py").write_text(
        f"import os, tempfile, time\ndef read(task):\n    place = tempfile.gettempdir()\n{lines}"
    )
    import_path = [entry for entry in sys.path if entry]
    command = (
        *(sys.executable, "-I", "-c", TAKEN_OVER),
        *(str(tmp_path), "wild_reader", *import_path),
    )
    path = tmp_path / "document"
    path.write_text("words")
    limits = ParserLimits(cpu_seconds=200, wall_seconds=200.0, scratch_bytes=64 << 20)
    before, least = shutil.disk_usage(scratch).free, shutil.disk_usage(scratch).free
    begun = time.monotonic()
    parsing = asyncio.ensure_future(
        KreuzbergParser(limits, command=command).parse(path, "a.txt", MediaType.TXT)
    )
    while not parsing.done():
        least = min(least, shutil.disk_usage(scratch).free)
        await asyncio.sleep(0.05)
    with pytest.raises(DocumentError) as caught:
        await parsing
    sys.stdout.write(
        f"stopped after {time.monotonic() - begun:.1f} s and {(before - least) >> 20} MiB\n"
    )
    assert caught.value.code == "document_bomb"
    assert list(scratch.iterdir()) == []
