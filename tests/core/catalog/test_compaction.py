"""Joining small files is housekeeping: it may fail, and nobody else may notice that it was done."""

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from track_rows import done_row

from lasaft_core.catalog.table import CatalogTable


@pytest.fixture
def catalog(tmp_path) -> CatalogTable:
    """Of four rows in as many files."""
    made = CatalogTable.open(str(tmp_path))
    for number in range(4):
        made.publish([done_row(f"s3://b/{number}")])
    return made


@pytest.mark.parametrize(
    "error",
    [
        OSError("503 Slow Down, max_retries"),
        CommitFailedError("lost to another writer"),
        RuntimeError("Arrow error: Compute error"),
    ],
)
def test_a_compaction_that_fails_is_told_and_changes_nothing(catalog, monkeypatch, caplog, error):
    class Refused:
        def compact(self, **_: object) -> None:
            raise error

    monkeypatch.setattr(DeltaTable, "optimize", property(lambda _: Refused()))

    assert not catalog.compact(least_files=2)

    assert "compacted=no" in caplog.text
    assert len(list(catalog.rows())) == 4
    assert catalog.publish([done_row("s3://b/4")]) == 1
