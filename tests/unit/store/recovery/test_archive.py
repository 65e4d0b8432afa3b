from __future__ import annotations

import hashlib
import io
import stat
import tarfile
from pathlib import Path

import pytest

from groundwell.domain.errors import BackupError
from groundwell.store.recovery.archive import (
    Manifest,
    Member,
    TableEntry,
    partial_name,
    read_archive,
    write_archive,
)

ROWS = b"some rows " * 1000


def write(target: Path) -> Path:
    blob = b"a file"
    with write_archive(target, Manifest("1.0", "2026-01-01T00:00:00+00:00")) as archive:
        archive.manifest.tables.append(TableEntry("documents", ("uid", "id"), 1, 7))
        archive.add_bytes("tables/documents/000000", ROWS)
        member = Member(len(blob), hashlib.sha256(blob).hexdigest())
        archive.add_file("blobs/aa", io.BytesIO(blob), member)
    return target


def test_what_was_written_is_read_again(tmp_path: Path):
    path = write(tmp_path / "saved.tar")
    with read_archive(path) as archive:
        assert archive.manifest.tables == [TableEntry("documents", ("uid", "id"), 1, 7)]
        assert archive.manifest.documents == 7
        assert b"".join(archive.read("tables/documents/000000")) == ROWS
        assert b"".join(archive.read("blobs/aa")) == b"a file"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not partial_name(path).exists()


def test_a_backup_that_fails_leaves_no_file(tmp_path: Path):
    target = tmp_path / "saved.tar"
    with pytest.raises(BackupError), write_archive(target, Manifest("1.0", "")) as archive:
        archive.add_file("blobs/aa", io.BytesIO(b"short"), Member(1000, ""))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_backup_left_goes_with_the_next_one_and_what_others_write_stays(
    tmp_path: Path,
):
    killed = partial_name(tmp_path / "yesterday.tar")
    foreign = tmp_path / ".another.partial"
    for path in (killed, foreign):
        path.write_bytes(ROWS)
    with write_archive(tmp_path / "running.tar", Manifest("1.0", "")):
        assert not killed.exists()
        write(tmp_path / "saved.tar")
        assert partial_name(tmp_path / "running.tar").exists()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {".another.partial", "running.tar", "saved.tar"}


def test_an_archive_that_is_there_is_not_written_over(tmp_path: Path):
    path = write(tmp_path / "saved.tar")
    before = path.read_bytes()
    with pytest.raises(BackupError, match="exists already"):
        write(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6])
def test_an_archive_that_was_cut_off_is_refused(tmp_path: Path, share: float):
    path = write(tmp_path / "saved.tar")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BackupError, match="Nothing was restored"), read_archive(path):
        pytest.fail("a damaged archive was opened")


@pytest.mark.parametrize("old", [b"some rows", b"a file", b'"rows": 7', b"blobs/aa"])
def test_an_archive_that_was_changed_is_refused(tmp_path: Path, old: bytes):
    path = write(tmp_path / "saved.tar")
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, old[:-1] + b"0", 1))
    with pytest.raises(BackupError, match="Nothing was restored"), read_archive(path):
        pytest.fail("a damaged archive was opened")


def test_an_entry_that_was_added_is_refused(tmp_path: Path):
    path = write(tmp_path / "saved.tar")
    with tarfile.open(path, "a") as tar:
        entry = tarfile.TarInfo("../evil")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"evil"))
    with pytest.raises(BackupError, match="evil"), read_archive(path):
        pytest.fail("a damaged archive was opened")


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(BackupError, match=r"none\.tar"), read_archive(tmp_path / "none.tar"):
        pytest.fail("opened")
