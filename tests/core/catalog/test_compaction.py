"""Joining small files is housekeeping: it may fail, and nobody else may notice that it was done."""

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from track_rows import done_row, failed_row

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


def test_after_a_compaction_the_table_is_not_read_anew(catalog, monkeypatch):
    catalog.planned_at(catalog.version)
    assert catalog.compact(least_files=2)
    monkeypatch.setattr(CatalogTable, "_indexed", lambda *_: pytest.fail("read anew"))
    monkeypatch.setattr(CatalogTable, "_standing", lambda *_: pytest.fail("read anew"))
    assert catalog.done_meanwhile({("s3://b/0", "f"): "e"}) == set()
    monkeypatch.undo()
    monkeypatch.setattr(CatalogTable, "_indexed", lambda *_: pytest.fail("read anew"))

    assert catalog.publish([done_row("s3://b/4")]) == 1
    assert catalog.publish([done_row("s3://b/0")]) == 0


def test_a_writer_beside_a_compaction_loses_no_row_and_doubles_none(catalog, tmp_path):
    other = CatalogTable.open(str(tmp_path))
    other.publish([done_row("s3://b/other")])

    assert catalog.compact(least_files=2)

    assert other.publish([done_row("s3://b/0"), failed_row("s3://b/1"), done_row("s3://b/4")]) == 1
    assert other.publish([failed_row("s3://b/1", source_etag="e2")]) == 1
    assert catalog.publish([done_row("s3://b/5")]) == 1
    uris = [row.source_uri for row in CatalogTable.open(str(tmp_path)).rows()]
    assert sorted(uris) == [*(f"s3://b/{number}" for number in range(6)), "s3://b/other"]


def test_a_compaction_that_another_writer_is_quicker_than_leaves_all_as_it_was(
    catalog, tmp_path, monkeypatch
):
    optimize = DeltaTable.optimize.fget

    def overtaken(table: DeltaTable) -> object:
        CatalogTable.open(str(tmp_path)).publish([done_row("s3://b/other", source_etag="e")])
        return optimize(table)

    monkeypatch.setattr(DeltaTable, "optimize", property(overtaken))
    catalog.compact(least_files=2)
    monkeypatch.undo()

    assert len(list(CatalogTable.open(str(tmp_path)).rows())) == 5
    assert catalog.publish([done_row("s3://b/other", source_etag="e")]) == 0
