from __future__ import annotations

import pytest
from tests.unit.retrieval.setting import TEXTS
from tests.unit.store.setting import Shelf, make_shelf, put

from groundwell.store.database import Database


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    shelf = await make_shelf(database, database_url)
    await put(shelf, TEXTS, {key: {"kind": key} for key in TEXTS})
    return shelf
