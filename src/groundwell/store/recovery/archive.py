"""The file of a backup: a tar archive that is whole or not there.

Members, in order: the tables as pieces of `COPY … (FORMAT binary)`, the blobs, the keys, then
`manifest.json` with the SHA-256 of each of them, then `manifest.sha256`. The manifest comes last
because the archive is written as it is read from the database; so a file that was cut off has none.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from groundwell.domain.errors import BackupError
from groundwell.store.scratch import abandoned, hold

_FORMAT = 1
_MANIFEST = "manifest.json"
_SEAL = "manifest.sha256"
_PIECE_BYTES = 1 << 20
_READABLE_BY_OWNER = 0o600
# Nobody else gives files such names.
_PARTIAL = ".groundwell-partial"


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A table of the archive: its columns in order, and in how many pieces its rows lie."""

    name: str
    columns: tuple[str, ...]
    pieces: int
    rows: int


@dataclass(frozen=True, slots=True)
class SequenceEntry:
    """Where a sequence stands."""

    name: str
    value: int
    is_called: bool


@dataclass(frozen=True, slots=True)
class Member:
    """Size in bytes and SHA-256 of one member."""

    size: int
    sha256: str


@dataclass(slots=True)
class Manifest:
    """What an archive holds. `lost_blobs` were missing or damaged where they were kept."""

    groundwell: str
    created_at: str
    migrations: list[str] = field(default_factory=list)
    tables: list[TableEntry] = field(default_factory=list)
    sequences: list[SequenceEntry] = field(default_factory=list)
    blobs: list[str] = field(default_factory=list)
    lost_blobs: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    format: int = _FORMAT

    @property
    def documents(self) -> int:
        """How many documents there are."""
        return sum(table.rows for table in self.tables if table.name == "documents")


class ArchiveWriter:
    """Adds members to an archive that is being written."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest) -> None:
        self._tar = tar
        self.manifest = manifest

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add a member from memory."""
        self._add(name, io.BytesIO(content), len(content))
        self.manifest.members[name] = Member(len(content), hashlib.sha256(content).hexdigest())

    def add_file(self, name: str, file: IO[bytes], member: Member) -> None:
        """Add an open file, from where it stands, whose size and digest are known."""
        self._add(name, file, member.size)
        self.manifest.members[name] = member

    def finish(self) -> None:
        """Add the manifest and its digest."""
        content = json.dumps(asdict(self.manifest)).encode()
        self._add(_MANIFEST, io.BytesIO(content), len(content))
        seal = hashlib.sha256(content).hexdigest().encode()
        self._add(_SEAL, io.BytesIO(seal), len(seal))

    def _add(self, name: str, source: IO[bytes], size: int) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, _READABLE_BY_OWNER
        self._tar.addfile(entry, source)


@contextmanager
def write_archive(target: Path, manifest: Manifest) -> Iterator[ArchiveWriter]:
    """Write the archive `target`, under another name until it is whole and on disk.

    What killed backups left in its folder goes first. Raises BackupError when there is such a file
    already.
    """
    if target.exists():
        raise BackupError(f"{target} exists already. Choose another name.", code="backup_exists")
    partial = partial_name(target)
    try:
        for left in (partial, *abandoned(target.parent.glob(f".*{_PARTIAL}"))):
            left.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READABLE_BY_OWNER)
        with os.fdopen(descriptor, "wb") as file:
            hold(descriptor)
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                writer = ArchiveWriter(tar, manifest)
                yield writer
                writer.finish()
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
        _flush_folder(target.parent)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def partial_name(target: Path) -> Path:
    """The name of an archive that is being written."""
    return target.with_name(f".{target.name}{_PARTIAL}")


class ArchiveReader:
    """An archive that has been checked from end to end."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest) -> None:
        self._tar = tar
        self.manifest = manifest

    def read(self, name: str) -> Iterator[bytes]:
        """The bytes of a member, in pieces of a mebibyte."""
        source = self._tar.extractfile(name)
        assert source is not None, "only files are in a checked archive"
        with source:
            while piece := source.read(_PIECE_BYTES):
                yield piece


@contextmanager
def read_archive(path: Path) -> Iterator[ArchiveReader]:
    """Open an archive once everything in it has been compared with its manifest.

    Raises BackupError for a file that is no archive, is cut off, or was changed.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            manifest = _check(tar, path)
            yield ArchiveReader(tar, manifest)
    except tarfile.TarError as error:
        raise BackupError(
            f"{path} is damaged or cut off ({error}). Nothing was restored.",
            code="backup_damaged",
        ) from error
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror or error}.") from error


def _check(tar: tarfile.TarFile, path: Path) -> Manifest:
    found: dict[str, Member] = {}
    texts: dict[str, bytes] = {}
    for entry in tar:
        source = tar.extractfile(entry)
        if source is None or entry.name in found:
            raise _damaged(path, f"it has an entry '{entry.name}' that does not belong there")
        digest = hashlib.sha256()
        while piece := source.read(_PIECE_BYTES):
            digest.update(piece)
            if entry.name in {_MANIFEST, _SEAL}:
                texts[entry.name] = texts.get(entry.name, b"") + piece
        found[entry.name] = Member(entry.size, digest.hexdigest())
    if _SEAL not in texts or _MANIFEST not in texts:
        raise _damaged(path, "its end is missing")
    if texts[_SEAL].decode("ascii", "replace") != found[_MANIFEST].sha256:
        raise _damaged(path, "its manifest has changed")
    manifest = _read_manifest(texts[_MANIFEST], path)
    del found[_MANIFEST], found[_SEAL]
    if found != manifest.members:
        names = {**found, **manifest.members}
        bad = next(name for name in names if found.get(name) != manifest.members.get(name))
        raise _damaged(path, f"'{bad}' is not what was saved")
    return manifest


def _read_manifest(content: bytes, path: Path) -> Manifest:
    raw = json.loads(content)
    if raw["format"] != _FORMAT:
        raise BackupError(
            f"{path} was made by Groundwell {raw['groundwell']} in a form that this version does "
            "not know. Restore it with that version or a newer one.",
            code="backup_too_new",
        )
    raw["tables"] = [
        TableEntry(**{**table, "columns": tuple(table["columns"])}) for table in raw["tables"]
    ]
    raw["sequences"] = [SequenceEntry(**entry) for entry in raw["sequences"]]
    raw["members"] = {name: Member(**member) for name, member in raw["members"].items()}
    return Manifest(**raw)


def _damaged(path: Path, reason: str) -> BackupError:
    return BackupError(f"{path} is damaged: {reason}. Nothing was restored.", code="backup_damaged")


def _flush_folder(folder: Path) -> None:
    """Make a rename durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
