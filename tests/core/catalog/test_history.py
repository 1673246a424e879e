"""Older versions of the table go in time, and no commit loses anything by it."""

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from track_rows import done_row, failed_row

from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import StoreError

ROWS, COMMITS, ROWS_A_COMMIT = 500, 10, 50


@pytest.fixture
def catalog(tmp_path) -> CatalogTable:
    """Ten commits have each replaced fifty rows, of all that one commit had put."""
    made = CatalogTable.open(str(tmp_path))
    made.publish([failed_row(f"s3://b/{number}") for number in range(ROWS)])
    for commit in range(COMMITS):
        scattered = range(commit, ROWS, ROWS // ROWS_A_COMMIT)
        made.publish([done_row(f"s3://b/{number}") for number in scattered])
    return made


def files(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "catalog").glob("*.parquet")}


def live(tmp_path: Path) -> set[str]:
    return {Path(uri).name for uri in DeltaTable(str(tmp_path / "catalog")).file_uris()}


def aged(tmp_path: Path, days: float) -> CatalogTable:
    """The table as it will be so many days from now, if nobody touches it."""

    def earlier(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) - int(days * 86_400_000)}"

    for log in (tmp_path / "catalog" / "_delta_log").glob("*.json"):
        log.write_text(re.sub(r'("deletionTimestamp":)(\d+)', earlier, log.read_text()))
    for path in (tmp_path / "catalog").glob("*.parquet"):
        os.utime(path, (path.stat().st_mtime - days * 86_400,) * 2)
    return CatalogTable.open(str(tmp_path))


def test_replaced_files_go_after_a_week_and_the_live_ones_stay(catalog, tmp_path):
    rows = list(catalog.rows())
    assert (len(files(tmp_path)), len(live(tmp_path))) == (COMMITS + 1, 1)

    assert aged(tmp_path, days=6.9).vacuum() == 0
    assert len(files(tmp_path)) == COMMITS + 1
    later = aged(tmp_path, days=0.2)
    assert later.vacuum(dry_run=True) == COMMITS
    assert len(files(tmp_path)) == COMMITS + 1
    assert later.vacuum() == COMMITS

    assert files(tmp_path) == live(tmp_path)
    assert list(CatalogTable.open(str(tmp_path)).rows()) == rows


def test_a_table_without_history_gets_no_commit(catalog, tmp_path):
    assert catalog.vacuum(timedelta(0)) == COMMITS
    version = catalog.version
    assert catalog.vacuum(timedelta(0), dry_run=True) == 0
    assert catalog.vacuum(timedelta(0)) == 0
    assert catalog.vacuum() == 0
    assert catalog.version == version
    assert CatalogTable.open(str(tmp_path / "elsewhere")).vacuum() == 0


def test_what_a_commit_under_way_has_written_stays_at_any_retention(catalog, tmp_path):
    names = ("part-under-way.parquet", "part-of-a-lost-commit.parquet")
    written, lost = (tmp_path / "catalog" / name for name in names)
    written.write_bytes(b"not committed yet")
    lost.write_bytes(b"never committed")
    os.utime(lost, (lost.stat().st_mtime - 8 * 86_400,) * 2)

    assert catalog.vacuum(timedelta(0)) == COMMITS + 1

    assert files(tmp_path) == live(tmp_path) | {written.name}


def test_parts_of_hours_keep_a_whole_one(catalog, tmp_path):
    assert aged(tmp_path, days=0.5 / 24).vacuum(timedelta(minutes=20)) == 0
    assert aged(tmp_path, days=1 / 24).vacuum(timedelta(minutes=20)) == COMMITS


def test_what_the_table_s_properties_keep_longer_stays(catalog, tmp_path):
    kept = {"delta.deletedFileRetentionDuration": "interval 30 days"}
    DeltaTable(str(tmp_path / "catalog")).alter.set_table_properties(kept)
    assert aged(tmp_path, days=20).vacuum() == 0
    assert aged(tmp_path, days=0).vacuum(timedelta(days=25)) == 0
    assert aged(tmp_path, days=0).vacuum(timedelta(days=15)) == COMMITS


def test_writers_beside_a_vacuum_lose_no_row_and_double_none(catalog, tmp_path):
    other = CatalogTable.open(str(tmp_path))
    assert other.publish([failed_row("s3://b/first", source_etag="e")]) == 1

    assert catalog.vacuum(timedelta(0)) == COMMITS

    assert (
        other.publish([done_row("s3://b/0"), done_row("s3://b/first"), done_row("s3://b/x")]) == 2
    )
    assert catalog.publish([done_row("s3://b/x"), done_row("s3://b/y")]) == 1
    uris = [row.source_uri for row in CatalogTable.open(str(tmp_path)).rows()]
    assert len(uris) == len(set(uris)) == ROWS + 3


@pytest.mark.parametrize("error", [OSError("403 AccessDenied"), CommitFailedError("lost")])
def test_a_vacuum_that_fails_is_one_clear_error(catalog, monkeypatch, error):
    def refused(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(DeltaTable, "vacuum", refused)
    with pytest.raises(StoreError):
        catalog.vacuum()
    assert len(list(catalog.rows(limit=5))) == 5
