"""`groundwell backup` and `groundwell restore`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from groundwell.cli.console import AsJson, DataDir, complain, err, out, print_json

if TYPE_CHECKING:
    from groundwell.store.recovery.archive import Manifest


def backup(
    target: Annotated[
        Path, typer.Argument(help="File to write, or a folder to put a dated file into.")
    ],
    data_dir: DataDir = None,
    *,
    keys: Annotated[
        bool, typer.Option(help="Put secret.key and owner.key in; without them keys do not work.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Save everything to one file, while the server runs or not."""
    # Database and settings take a moment to import; other commands need neither.
    from groundwell.bootstrap.recovery import make_backup  # noqa: PLC0415 - slow, see above
    from groundwell.settings import load_settings  # noqa: PLC0415 - slow, see above

    begun = time.monotonic()
    settings = load_settings(data_dir=data_dir)
    file, manifest = asyncio.run(make_backup(settings, target, with_keys=keys, report=_report))
    summary = _summary(file, manifest, begun)
    if as_json:
        print_json(summary)
    else:
        out.print(
            f"{file}: {manifest.documents} documents, {len(manifest.blobs)} files, "
            f"{summary['bytes']:,} bytes, {summary['seconds']} s",
            markup=False,
        )
    if manifest.keys:
        err.print("The file holds texts and keys. Keep it where only you can read it.")
    else:
        err.print("The file holds no secret.key. API keys work only where the secret is the same.")
    if manifest.lost_blobs:
        complain(
            f"{len(manifest.lost_blobs)} files were missing or damaged and are not in the backup. "
            "Everything else is. `groundwell doctor --contents` names their documents."
        )
        raise typer.Exit(1)


def restore(
    file: Annotated[Path, typer.Argument(help="File that `groundwell backup` wrote.")],
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Fill an empty data folder or database from a backup."""
    # Database and settings take a moment to import; other commands need neither.
    from groundwell.bootstrap.recovery import restore_backup  # noqa: PLC0415 - slow, see above
    from groundwell.settings import load_settings  # noqa: PLC0415 - slow, see above

    begun = time.monotonic()
    settings = load_settings(data_dir=data_dir)
    manifest = asyncio.run(restore_backup(settings, file, _report))
    summary = _summary(file, manifest, begun)
    if as_json:
        print_json(summary)
    else:
        out.print(
            f"Restored to {settings.data_dir}: {manifest.documents} documents, "
            f"{len(manifest.blobs)} files, {summary['seconds']} s. "
            f"The backup is of {manifest.created_at}.",
            markup=False,
        )
    if "secret.key" not in manifest.keys and settings.secret_key is None:
        err.print(
            "The backup holds no secret.key: its API keys will not work. The next start makes a "
            "new one for the owner."
        )


def _summary(file: Path, manifest: Manifest, begun: float) -> dict[str, object]:
    return {
        "file": str(file),
        "bytes": file.stat().st_size,
        "created_at": manifest.created_at,
        "groundwell": manifest.groundwell,
        "documents": manifest.documents,
        "rows": {table.name: table.rows for table in manifest.tables},
        "blobs": len(manifest.blobs),
        "lost_blobs": manifest.lost_blobs,
        "keys": manifest.keys,
        "seconds": round(time.monotonic() - begun, 2),
    }


def _report(sentence: str) -> None:
    err.print(sentence, markup=False)
