"""Operations that read what they name do what the OpenAPI document says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import fresh_database
from tests.security.contract import CASES, Kind, keep_contract

from groundwell.store.embedded import EmbeddedPostgres


@pytest.mark.slow
def test_operations_that_read_what_they_name_keep_their_contract(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    with fresh_database(postgres) as url:
        report = keep_contract(url, tmp_path / "data", Kind.READ)
    assert not report.failures, "\n\n".join(report.failures.values())[:20_000]
    assert min(report.cases.values()) >= CASES, report.cases
    assert {200, 401, 404, 405, 422} <= set(report.statuses)
