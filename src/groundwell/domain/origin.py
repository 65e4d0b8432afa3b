"""Where the work that is being done came from: for the lines of the log and the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from groundwell.domain.documents import TenantId


@dataclass(frozen=True, slots=True)
class Origin:
    """A request, or the job that a request led to. What is not known, or does not apply, is None.

    `address` is the network address of the caller, `job` the id of the job.
    """

    request_id: str | None = None
    tenant: TenantId | None = None
    user: UUID | None = None
    address: str | None = None
    job: str | None = None


_NOWHERE = Origin()
_ORIGIN: ContextVar[Origin] = ContextVar("groundwell_origin", default=_NOWHERE)


def current_origin() -> Origin:
    """Where the work of this task came from."""
    return _ORIGIN.get()


def set_origin(origin: Origin) -> None:
    """Say so, until the end of the block of `origin_kept`."""
    _ORIGIN.set(origin)


@contextmanager
def origin_kept() -> Iterator[None]:
    """After the block, work comes from where it came from before."""
    token = _ORIGIN.set(_ORIGIN.get())
    try:
        yield
    finally:
        _ORIGIN.reset(token)
