"""Operations that follow each other do what the OpenAPI document says."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from tests.apps.operations import operations
from tests.conftest import fresh_database
from tests.security.contract import Kind, bounded, labels_of
from tests.security.contract_sequences import follow_links

from groundwell.store.embedded import EmbeddedPostgres


def test_the_parts_of_the_contract_are_the_whole_document(app: FastAPI) -> None:
    document = bounded(app.openapi())
    parts = [labels_of(document, kind) for kind in Kind]
    assert all(parts)
    assert sum(len(part) for part in parts) == len(set().union(*parts))
    assert set().union(*parts) == {operation.name for operation in operations(app)}


@pytest.mark.slow
def test_what_was_made_is_there_and_what_was_removed_is_gone(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    with fresh_database(postgres) as url:
        seen = follow_links(url, tmp_path / "data")
    assert not seen.report.failures, "\n\n".join(seen.report.failures.values())[:20_000]
    assert seen.steps > 300
    # Which sequences come differs from run to run: 19 to 55 were seen.
    assert seen.after_creation.total() >= 10, seen.after_creation
    assert seen.after_removal.total() >= 1, seen.after_removal
    assert {200, 201, 202, 204, 404} <= set(seen.report.statuses)
