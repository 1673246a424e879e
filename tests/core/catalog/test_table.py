"""Rows are published once and wholly, whoever else is publishing."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from track_rows import MODEL, done_row, failed_row, stem_row

from lasaft_core import storage
from lasaft_core.catalog import table as table_module
from lasaft_core.catalog.merging import MAX_ATTEMPTS
from lasaft_core.catalog.queries import KEYS_SCHEMA, StatusCount, StemPlace, stems_of_run
from lasaft_core.catalog.rows import AttemptRow, TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import StoreError

OTHER_MODEL = "e" * 64
ODD_URI = 's3://b/it\'s "odd" 😀 50%25 \\ ; -- #?.wav'


@pytest.fixture
def catalog(place: str) -> CatalogTable:
    return CatalogTable.open(storage.join(place, "out put #1"))


def published(catalog: CatalogTable) -> dict[str, TrackRow]:
    rows = list(CatalogTable.open(catalog.uri.removesuffix("/catalog")).rows())
    assert len({row.key for row in rows}) == len(rows), "a row was doubled"
    return {row.source_uri: row for row in rows}


def dest(catalog: CatalogTable) -> str:
    return catalog.uri.removesuffix("/catalog")


def test_a_table_that_is_not_there_is_empty_and_reading_makes_none(catalog: CatalogTable) -> None:
    assert catalog.version is None
    assert catalog.keys(MODEL).num_rows == 0
    assert catalog.sample().num_rows == 0
    assert catalog.counts() == []
    assert list(catalog.rows()) == []
    assert catalog.find("s3://b/a") == []
    assert catalog.publish([]) == 0
    assert storage.list_names(dest(catalog)) == []


def test_a_row_comes_back_whole_under_any_name(catalog: CatalogTable) -> None:
    row = done_row(ODD_URI)

    assert catalog.publish([row, failed_row("s3://b/other")]) == 2

    (found,) = CatalogTable.open(dest(catalog)).find(ODD_URI, MODEL)
    assert found.committed_at is not None
    assert found == TrackRow.from_dict({**row.to_dict(), "committed_at": found.committed_at})


def test_failed_becomes_done(catalog: CatalogTable) -> None:
    catalog.publish([failed_row("s3://b/a"), failed_row("s3://b/b")])

    assert catalog.publish([done_row("s3://b/a"), done_row("s3://b/c")]) == 2

    assert {uri: row.status for uri, row in published(catalog).items()} == {
        "s3://b/a": "done",
        "s3://b/b": "failed",
        "s3://b/c": "done",
    }


def test_replacing_odd_names_and_models_leaves_all_other_rows(catalog: CatalogTable) -> None:
    others = [failed_row(ODD_URI + more) for more in ("'", "x", "'' OR '1'='1")]
    catalog.publish([failed_row(ODD_URI), *others])
    catalog.publish([failed_row(ODD_URI, model_fingerprint=OTHER_MODEL), done_row("s3://b/z")])

    changed = [done_row(ODD_URI), done_row("s3://b/z", model_fingerprint=OTHER_MODEL)]
    assert catalog.publish([*changed, done_row("s3://b/y")]) == 3

    statuses = {row.key: row.status for row in catalog.rows()}
    assert statuses == {
        **{row.key: "failed" for row in others},
        (ODD_URI, MODEL): "done",
        (ODD_URI, OTHER_MODEL): "failed",
        ("s3://b/z", MODEL): "done",
        ("s3://b/z", OTHER_MODEL): "done",
        ("s3://b/y", MODEL): "done",
    }


def test_a_done_row_of_the_same_etag_stays(catalog: CatalogTable) -> None:
    catalog.publish([done_row("s3://b/a", run_id="first")])

    again = catalog.publish([done_row("s3://b/a", run_id="second")])
    failed = catalog.publish([failed_row("s3://b/a"), done_row("s3://b/new")])

    assert (again, failed) == (0, 1)
    assert published(catalog)["s3://b/a"].run_id == "first"


def test_force_replaces_a_done_row_but_never_by_a_failure(catalog: CatalogTable) -> None:
    catalog.publish([done_row("s3://b/a", run_id="first")])

    assert catalog.publish([failed_row("s3://b/a")], force=True) == 0
    assert catalog.publish([done_row("s3://b/a", run_id="second")], force=True) == 1

    assert published(catalog)["s3://b/a"].run_id == "second"


@pytest.mark.parametrize("make", [done_row, failed_row])
def test_a_changed_source_updates_its_row(catalog: CatalogTable, make) -> None:
    catalog.publish([done_row("s3://b/a")])

    assert catalog.publish([make("s3://b/a", source_etag="e2")]) == 1

    row = published(catalog)["s3://b/a"]
    assert (row.source_etag, row.stems) == ("e2", make("s3://b/a").stems)


@pytest.mark.parametrize("reason", ["gone", "store_unavailable", "scratch_full"])
def test_a_failure_that_says_nothing_of_the_bytes_leaves_the_stems_that_are_there(
    catalog: CatalogTable, reason
) -> None:
    catalog.publish([done_row("s3://b/a", source_etag="e2")])

    late = failed_row("s3://b/a", source_etag="e1", reason=reason)
    assert catalog.publish([late], force=True) == 0
    assert catalog.publish([failed_row("s3://b/new", reason=reason)]) == 1

    assert published(catalog)["s3://b/a"].status == "done"


def tried(run_id: str, etag: str = "e1", count: int = 2) -> TrackRow:
    lost = [AttemptRow(attempt=n, stage="worker", error=run_id) for n in range(1, count + 1)]
    return failed_row("s3://b/a", source_etag=etag, run_id=run_id, attempts=tuple(lost))


def test_the_history_of_a_track_goes_over_runs_and_is_bounded(catalog: CatalogTable) -> None:
    for run in ("first", "second", "second"):  # the last: a commit whose answer was lost
        catalog.publish([tried(run)])

    (row,) = catalog.rows()
    assert [(a.attempt, a.error) for a in row.attempts] == [
        (1, "first"),
        (2, "first"),
        (3, "second"),
        (4, "second"),
    ]
    catalog.publish([tried("third", count=MAX_ATTEMPTS)])
    (row,) = catalog.rows()
    assert [row.attempts[0].attempt, row.attempts[-1].attempt] == [5, 24]
    catalog.publish([tried("fourth", etag="e2", count=1)])
    (row,) = catalog.rows()
    assert [a.error for a in row.attempts] == ["fourth"], "other bytes have a history of their own"


def test_one_batch_has_one_row_per_key_and_done_wins(catalog: CatalogTable) -> None:
    batch = [
        failed_row("s3://b/a"),
        done_row("s3://b/a"),
        failed_row("s3://b/a"),
        failed_row("s3://b/b", reason="empty"),
        failed_row("s3://b/b", reason="truncated"),
    ]

    assert catalog.publish(batch) == 2

    rows = published(catalog)
    assert (rows["s3://b/a"].status, rows["s3://b/b"].reason) == ("done", "truncated")


def test_each_model_has_a_row_of_its_own(catalog: CatalogTable) -> None:
    catalog.publish([done_row("s3://b/a")])

    assert catalog.publish([failed_row("s3://b/a", model_fingerprint=OTHER_MODEL)]) == 1

    assert {row.model_fingerprint for row in catalog.find("s3://b/a")} == {MODEL, OTHER_MODEL}
    assert [row.status for row in catalog.find("s3://b/a", MODEL)] == ["done"]
    assert catalog.keys(MODEL).num_rows == 1


def test_new_rows_are_appended_without_reading_and_known_ones_replaced(
    catalog: CatalogTable,
) -> None:
    catalog.publish([failed_row("s3://b/a")])
    catalog.publish([done_row("s3://b/b")])
    catalog.publish([done_row("s3://b/a")])

    log = f"{catalog.uri}/_delta_log"
    commits = [storage.read_bytes(f"{log}/{name}") for name in storage.list_names(log)]
    operations = [json.loads(line) for commit in commits for line in commit.splitlines()]
    assert [line["commitInfo"]["operation"] for line in operations if "commitInfo" in line] == [
        "CREATE TABLE",
        "WRITE",
        "WRITE",
        "WRITE",
    ]
    modes = [
        line["commitInfo"]["operationParameters"]["mode"]
        for line in operations
        if "commitInfo" in line
    ]
    assert modes[1:] == ["Append", "Append", "Overwrite"]


def test_keys_are_what_planning_needs(catalog: CatalogTable) -> None:
    catalog.publish([done_row("s3://b/a"), failed_row("s3://b/b")])
    catalog.publish([done_row("s3://b/c", source_etag="e3")])

    keys = catalog.keys(MODEL)

    assert keys.schema.equals(KEYS_SCHEMA)
    rows = {row["source_uri"]: row for row in keys.to_pylist()}
    assert rows["s3://b/b"] == {
        "source_uri": "s3://b/b",
        "source_etag": "e1",
        "source_bytes": 1000,
        "status": "failed",
        "reason": "not_audio",
    }
    assert rows["s3://b/c"]["source_etag"] == "e3"


def test_counts_and_sample(catalog: CatalogTable) -> None:
    catalog.publish([done_row("s3://b/a"), done_row("s3://b/b"), failed_row("s3://b/c")])

    assert catalog.counts() == [
        StatusCount(MODEL, "done", None, 2, 4.0),
        StatusCount(MODEL, "failed", "not_audio", 1, 0.0),
    ]
    assert catalog.sample(1).to_pylist()[0] | {"source_uri": ""} == {
        "source_uri": "",
        "source_bytes": 1000,
        "duration_seconds": 2.0,
        "stem_bytes": 2400,
        "work_seconds": 4.0,
    }


def test_rows_by_status_newest_first(catalog: CatalogTable) -> None:
    catalog.publish([done_row("s3://b/a"), failed_row("s3://b/b")])
    catalog.publish([done_row("s3://b/c")])

    assert [row.source_uri for row in catalog.rows(status="done")] == ["s3://b/c", "s3://b/a"]
    assert [row.source_uri for row in catalog.rows(MODEL, limit=1)] == ["s3://b/c"]
    assert list(catalog.rows(OTHER_MODEL)) == []


def test_stems_of_a_run_are_those_of_a_few_of_its_done_songs(catalog: CatalogTable) -> None:
    ours = [done_row(f"s3://b/{number}", run_id="ours") for number in range(3)]
    catalog.publish([*ours, failed_row("s3://b/failed", run_id="ours")])
    catalog.publish([done_row("s3://b/other model", model_fingerprint=OTHER_MODEL, run_id="ours")])
    catalog.publish([done_row("s3://b/theirs", run_id="theirs")])

    def asked(max_songs: int) -> list[StemPlace]:
        stems = partial(stems_of_run, fingerprint=MODEL, run_id="ours", max_songs=max_songs)
        return sorted(catalog.ask(stems))

    assert asked(9) == sorted(
        StemPlace(row.source_uri, stem.target, stem.uri) for row in ours for stem in row.stems
    )
    few = asked(2)
    assert (len(few), len({stem.source_uri for stem in few})) == (4, 2)


def test_a_reader_sees_a_batch_whole_or_not_at_all(catalog: CatalogTable) -> None:
    reader = CatalogTable.open(dest(catalog))
    seen: list[int] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(reader.keys(MODEL).num_rows)
        seen.append(reader.keys(MODEL).num_rows)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for batch in range(5):
            catalog.publish([done_row(f"s3://b/{batch}-{number}") for number in range(7)])
        stop.set()
        reading.result()

    assert seen[-1] == 5 * 7
    assert all(count % 7 == 0 for count in seen)
    assert seen == sorted(seen)


def test_two_writers_of_the_same_keys_lose_nothing_and_double_nothing(
    catalog: CatalogTable,
) -> None:
    uris = [f"s3://b/{number}" for number in range(40)]
    start = threading.Barrier(2)

    def write(run_id: str) -> int:
        table = CatalogTable.open(dest(catalog))
        start.wait()
        written = 0
        for at in range(0, len(uris), 5):
            batch = uris[at : at + 5]
            table.publish([failed_row(uri, run_id=run_id) for uri in batch])
            written += table.publish([done_row(uri, run_id=run_id) for uri in batch])
        return written

    with ThreadPoolExecutor(2) as pool:
        written = sum(pool.map(write, ["one", "two"]))

    rows = published(catalog)
    assert sorted(rows) == sorted(uris)
    assert {row.status for row in rows.values()} == {"done"}
    assert written == len(uris), "each key is done by exactly one of the two"


def test_two_writers_of_different_keys_both_get_through(catalog: CatalogTable) -> None:
    start = threading.Barrier(2)

    def write(name: str) -> None:
        table = CatalogTable.open(dest(catalog))
        start.wait()
        for number in range(10):
            assert table.publish([done_row(f"s3://b/{name}-{number}", run_id=name)]) == 1

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ["one", "two"]))

    assert Counter(row.run_id for row in published(catalog).values()) == {"one": 10, "two": 10}


def test_what_another_writer_did_since_is_looked_at_again(catalog: CatalogTable) -> None:
    other = CatalogTable.open(dest(catalog))
    catalog.publish([failed_row("s3://b/a")])
    other.publish([done_row("s3://b/b", run_id="other"), done_row("s3://b/c", run_id="other")])

    assert catalog.publish([done_row("s3://b/b"), done_row("s3://b/d")]) == 1

    assert published(catalog)["s3://b/b"].run_id == "other"


def test_a_writer_that_always_loses_says_so(
    catalog: CatalogTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = CatalogTable.open(dest(catalog))
    other.publish([done_row("s3://b/first")])
    standing = table_module.CatalogTable._standing

    def overtaken(self, table, batch):
        if self is not catalog:
            return standing(self, table, batch)
        found = standing(self, table, batch)
        other.publish([done_row(f"s3://b/{table.version()}")])
        return found

    monkeypatch.setattr(CatalogTable, "_standing", overtaken)
    monkeypatch.setattr(table_module, "_COMMIT_TRIES", 3)

    with pytest.raises(StoreError, match="3 commits lost to other writers"):
        catalog.publish([done_row("s3://b/mine")])
    assert "s3://b/mine" not in published(catalog)


def test_compaction_keeps_every_row(catalog: CatalogTable) -> None:
    for number in range(6):
        catalog.publish([done_row(f"s3://b/{number}")])
    catalog.publish([failed_row("s3://b/5", source_etag="e2")])
    before = published(catalog)

    assert not catalog.compact(least_files=64)
    assert catalog.compact(least_files=3)

    assert published(catalog) == before
    assert not catalog.compact(least_files=3)
    assert catalog.publish([done_row("s3://b/0"), done_row("s3://b/9")]) == 1


@pytest.mark.parametrize(
    ("bucket", "variables", "reason"),
    [
        ("s3://no-such-bucket", {}, "NoSuchBucket"),
        (None, {"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
        (None, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Connection refused"),
    ],
)
def test_a_store_that_refuses_is_one_clear_line(
    s3: str, monkeypatch: pytest.MonkeyPatch, bucket: str | None, variables, reason: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(StoreError, match=f"can't open the table .*: got .*{reason}") as caught:
        CatalogTable.open(f"{bucket or s3}/out")
    assert "\n" not in str(caught.value)


def test_a_stem_without_levels_is_kept_as_silence(catalog: CatalogTable) -> None:
    silent = stem_row("bass", rms_db=None, silence_ratio=1.0, active_intervals=())
    catalog.publish([done_row("s3://b/a", stems=(silent,))])

    assert published(catalog)["s3://b/a"].stems == (silent,)
