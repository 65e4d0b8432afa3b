"""What a new installation needs once: an owner with a key, and something to ask about."""

from __future__ import annotations

import hmac
import io
import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

from groundwell.apps.library.uploads import Upload, accept_upload
from groundwell.domain.api_keys import ApiKey, digest_api_key, make_api_key, read_api_key
from groundwell.domain.documents import DEFAULT_COLLECTION, SAMPLE_COLLECTION, TenantId
from groundwell.domain.identity import Principal, Role, Scope, Tier
from groundwell.services import Services
from groundwell.store.api_keys import insert_key
from groundwell.store.collections import ensure_collection
from groundwell.store.identity import find_first_owner, find_key, insert_owner

_SAMPLE_SUFFIXES = (".md", ".html", ".csv", ".txt")
_NOT_A_SAMPLE = "calibration.txt"
_LOCK = 7_236_481_907_513_006


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner, where the key lies, and the key itself if it was made just now."""

    principal: Principal
    key_file: Path
    new_key: str | None
    is_first_start: bool


async def ensure_owner(services: Services, data_dir: Path) -> Owner:
    """The installation's owner, with a key in `data_dir/owner.key` that works.

    At the first start owner and key are made. When the file is missing, or holds a key of another
    database, a new key for the same owner takes its place.
    """
    key_file = data_dir / "owner.key"
    async with services.database.anonymous_transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        known = await _read_owner(services, key_file)
        if known is not None:
            return Owner(known, key_file, None, is_first_start=False)
        found = await find_first_owner(connection)
        tenant = TenantId(uuid4()) if found is None else found[0]
        key = make_api_key()
        async with services.database.transaction(tenant) as own:
            user = await insert_owner(own, tenant, "owner") if found is None else found[1]
            digest = digest_api_key(key, services.key_pepper)
            await insert_key(own, tenant, user, key.id, "owner.key", digest, Scope)
            await ensure_collection(own, tenant, DEFAULT_COLLECTION, services.chunking)
            _write_secret(key_file, key.text)
    principal = Principal(tenant, user, frozenset(Scope), Role.OWNER, Tier.PREMIUM)
    return Owner(principal, key_file, key.text, is_first_start=found is None)


async def load_samples(services: Services, owner: Owner) -> int:
    """Hand in the sample collection and return how many documents it has."""
    samples = [
        sample
        for sample in sorted(files("groundwell.samples").iterdir(), key=lambda item: item.name)
        if sample.name.endswith(_SAMPLE_SUFFIXES) and sample.name != _NOT_A_SAMPLE
    ]
    for sample in samples:
        upload = Upload(
            file=io.BytesIO(sample.read_bytes()),
            filename=sample.name,
            collection=SAMPLE_COLLECTION,
            key=f"sample/{sample.name}",
        )
        await accept_upload(services, owner.principal, upload)
    return len(samples)


async def _read_owner(services: Services, key_file: Path) -> Principal | None:
    key = _read_key(key_file)
    if key is None:
        return None
    async with services.database.anonymous_transaction() as connection:
        stored = await find_key(connection, key.id)
    digest = digest_api_key(key, services.key_pepper)
    is_good = stored is not None and hmac.compare_digest(stored.digest, digest)
    return stored.principal if stored is not None and is_good else None


def _read_key(key_file: Path) -> ApiKey | None:
    try:
        return read_api_key(key_file.read_text(encoding="ascii").strip())
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _write_secret(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
