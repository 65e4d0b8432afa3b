"""What the server says when it is ready: to a person, or to whoever collects its log."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path

from groundwell import __version__
from groundwell.cli.console import err
from groundwell.cli.logs import LogFormat
from groundwell.domain.documents import SAMPLE_COLLECTION
from groundwell.first_start import Owner
from groundwell.settings import Settings

_log = logging.getLogger(__name__)


def welcome(
    settings: Settings, log_format: LogFormat, address: str, owner: Owner, samples: int
) -> None:
    """Say where the server is, and to a person where to begin.

    The new key is shown on a terminal only. What is not one keeps what it is told, and is read by
    others: the key lies in its file.
    """
    if log_format == "json":
        sentence = "Groundwell %s is ready at %s"
        fields = {"address": address, "version": __version__}
        _log.info(sentence, __version__, address, extra=fields)
        return
    err.print(f"[bold]Groundwell {__version__}[/] is ready at [bold]{address}[/]")
    err.print(f"  API docs   {address}/docs")
    err.print(f"  Data       {settings.data_dir}")
    if owner.new_key is not None and sys.stderr.isatty():
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


def _command() -> str:
    """How this command is to be called from another shell in the same folder."""
    called = Path(sys.argv[0])
    if called.name != "groundwell" or shutil.which("groundwell") is not None:
        return "groundwell"
    return os.path.relpath(called)
