from __future__ import annotations

from pathlib import Path

from tests.unit.store.setting import accept, make_shelf, new_document

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.store.blobs import clear_blobs
from groundwell.store.database import Database


async def test_a_blob_is_cleared_away_only_when_no_tenant_uses_it(
    database: Database, database_url: str, tmp_path: Path
):
    shelf = await make_shelf(database, database_url)
    blobs = ObstoreBlobStore.in_folder(tmp_path / "blobs")
    for key in ("aa/used", "bb/free"):
        await blobs.put(key, Path(__file__))
    await accept(shelf, new_document("x", blob_key="aa/used"))
    await clear_blobs(database, blobs, ["aa/used", "bb/free", "cc/missing"])
    assert names_under(tmp_path / "blobs") == ["used"]


def names_under(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]
