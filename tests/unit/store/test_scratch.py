"""What a killed process leaves of the files that passed through it, and who takes it away."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.waiting import PATIENCE_SECONDS

from groundwell.domain.errors import UnavailableError
from groundwell.store.scratch import (
    clear_scratch,
    find_abandoned,
    open_scratch,
    remove,
    scratch_folder,
)

# Deep, and locked: what a parsing child may make of its folder.
DIE_WITH_A_DOCUMENT = """
import os, signal, sys
from pathlib import Path
from groundwell.store.scratch import open_scratch, scratch_folder
with open_scratch(Path(sys.argv[1])) as scratch, scratch_folder(scratch) as folder:
    (folder / "document").write_text("The plan is called zugzwang.")
    deep = folder
    for _ in range(600):
        deep = deep / "d"
        deep.mkdir()
    (folder / "d").chmod(0)
    print("written", flush=True)
    {end}
"""


def leave_behind(root: Path) -> None:
    """Be killed with a document in the scratch folder."""
    end = "os.kill(os.getpid(), signal.SIGKILL)"
    program = DIE_WITH_A_DOCUMENT.replace("{end}", end)
    died = subprocess.run([sys.executable, "-c", program, str(root)], check=False)
    assert died.returncode == -signal.SIGKILL


@contextmanager
def alive(root: Path) -> Iterator[None]:
    """Another process with a document in the scratch folder."""
    program = DIE_WITH_A_DOCUMENT.replace("{end}", "sys.stdin.read()")
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"written\n"
    try:
        yield
    finally:
        process.stdin.close()
        process.stdout.close()
        assert process.wait(PATIENCE_SECONDS) == 0


def texts_in(root: Path) -> list[str]:
    return [path.read_text() for path in root.glob("*/*/document")]


def test_the_files_of_a_killed_process_go_at_the_next_start_and_those_of_a_living_one_stay(
    tmp_path: Path,
) -> None:
    root = tmp_path / "scratch"
    leave_behind(root)
    assert len(texts_in(root)) == find_abandoned(root) == 1
    with alive(root):
        # Its own start was the next one.
        assert len(texts_in(root)) == 1 - find_abandoned(root) == 1
        with open_scratch(root) as own:
            assert find_abandoned(root) == 0
            assert own.parent == root
            assert len(texts_in(root)) == 1
    assert not root.exists()


def test_nothing_is_left_of_a_process_that_ends(tmp_path: Path) -> None:
    with open_scratch(tmp_path / "scratch") as scratch:
        with scratch_folder(scratch) as folder:
            (folder / "document").write_text("text")
            assert scratch.stat().st_mode & 0o777 == folder.stat().st_mode & 0o777 == 0o700
        assert list(scratch.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_two_of_one_process_have_folders_of_their_own(tmp_path: Path) -> None:
    with open_scratch(tmp_path) as first:
        with open_scratch(tmp_path) as second:
            assert first != second
        assert first.is_dir()
        assert clear_scratch(tmp_path) == 0


def test_a_lock_that_has_no_folder_yet_is_cleared_too(tmp_path: Path) -> None:
    (tmp_path / "4711-beef.lock").touch()
    assert clear_scratch(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_look_finds_nothing_where_nothing_ever_was(tmp_path: Path) -> None:
    assert find_abandoned(tmp_path / "none") == clear_scratch(tmp_path / "none") == 0


def test_a_folder_that_cannot_be_made_is_a_part_that_is_away(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(UnavailableError) as refused, scratch_folder(gone):
        pass
    assert refused.value.code == "scratch_unavailable"
    assert isinstance(refused.value.__cause__, OSError)
    assert refused.value.__cause__.errno == errno.ENOENT


def test_removing_begins_anew_where_it_was_cut_off(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "lifted-0" / "c").mkdir(parents=True)
    (folder / "lifted-0" / "c" / "file").touch()
    os.chmod(folder / "lifted-0", 0)  # noqa: PTH101 - shorter
    remove(folder)
    assert not folder.exists()
