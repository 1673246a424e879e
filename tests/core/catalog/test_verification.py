"""The table and the store are compared, and brought together again."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from track_rows import failed_row

from lasaft_core import storage
from lasaft_core.catalog import queries
from lasaft_core.catalog.orphans import remove_orphans
from lasaft_core.catalog.publication import StemStore
from lasaft_core.catalog.removal import remove_tracks, rows_of_sources, superseded_rows
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.catalog.verification import (
    BrokenRow,
    Orphan,
    Tally,
    Undescribed,
    describe,
    verify,
    withdraw,
)
from lasaft_core.errors import UsageError
from tests.made_songs import MODEL, put_stems, work_of

NEW_MODEL = "e" * 64


@pytest.fixture
def song(tmp_path):
    """`song(place, 1)` is a whole attempt without a row."""
    return partial(put_stems, tmp_path)


def findings(place, *, deep=False, grace_seconds=0.0):
    return list(verify(place, Tally(), deep=deep, grace_seconds=grace_seconds))


def test_a_true_table_has_no_findings(place, song):
    CatalogTable.open(place).publish([song(place, 1), song(place, 2), failed_row("s3://in/3")])
    tally = Tally()
    assert list(verify(place, tally, deep=True, grace_seconds=0)) == []
    assert (tally.rows, tally.stems, tally.attempts, tally.young_attempts) == (2, 4, 2, 0)


def test_a_copy_is_refused_since_its_table_tells_of_the_original(place, song):
    original, copy = f"{place}/original", f"{place}/copy"
    CatalogTable.open(original).publish([song(original, 1)])
    for name in storage.list_names(original):
        storage.put_bytes(storage.read_bytes(f"{original}/{name}"), f"{copy}/{name}")
    with pytest.raises(UsageError, match=r"copy/stems/, got .*/original/.*--rebuild"):
        findings(copy)
    with pytest.raises(UsageError, match="stems below"):
        remove_tracks(copy, rows_of_sources(copy, ["s3://in/1.wav"]), reason="forget")
    assert findings(original, deep=True) == []
    assert len(list(CatalogTable.open(copy).rows())) == 1


def test_nothing_at_all_is_fine(place):
    assert findings(place) == []


def test_lost_cut_and_rotten_stems_are_found_withdrawn_and_not_adopted(place, song):
    rows = [song(place, number) for number in (1, 2, 3)]
    CatalogTable.open(place).publish(rows)
    lost, cut, rotten = (row.stems[0] for row in rows)
    storage.remove(lost.uri)
    storage.put_bytes(b"x", cut.uri)
    storage.put_bytes(b"!" * rotten.bytes, rotten.uri)

    assert {found.fault for found in findings(place)} == {"missing", f"1 bytes, not {cut.bytes}"}
    found = findings(place, deep=True)
    assert {f.row.source_uri: f.fault for f in found} == {
        "s3://in/1.wav": "missing",
        "s3://in/2.wav": f"1 bytes, not {cut.bytes}",
        "s3://in/3.wav": "other bytes than were published",
    }
    assert withdraw(place, found) == 3

    left = list(CatalogTable.open(place).rows())
    assert {(row.status, row.reason, row.stems) for row in left} == {("failed", "stems_lost", ())}
    assert StemStore(place, MODEL).adopt(work_of(3)) is None
    orphans = findings(place, deep=True)
    assert [type(found) for found in orphans] == [Orphan] * 3
    assert remove_orphans(place, orphans, settle_seconds=0) == 3
    assert storage.list_names(f"{place}/stems") == []


def test_a_row_that_was_done_anew_meanwhile_is_not_withdrawn(place, song):
    table = CatalogTable.open(place)
    table.publish([song(place, 1)])
    storage.remove(next(table.rows()).stems[0].uri)
    found = findings(place)
    table.publish([song(place, 1, attempt="again")], force=True)
    assert withdraw(place, found) == 0
    assert next(table.rows()).status == "done"


def test_a_row_that_was_published_since_the_store_was_listed_is_whole(place, song):
    table = CatalogTable.open(place)
    table.publish([song(place, 1)])
    song(place, 1, attempt="orphan")
    found = verify(place, Tally(), grace_seconds=0)
    assert isinstance(next(found), Orphan), "verify is under way"

    table.publish([song(place, 1, attempt="again")], force=True)
    table.publish([song(place, 1, model=NEW_MODEL), song(place, 7)])

    assert list(found) == []


def test_rows_whose_whole_shard_is_gone_are_found(place, song):
    row = song(place, 1)
    CatalogTable.open(place).publish([row])
    for name in storage.list_names(f"{place}/stems"):
        storage.remove(f"{place}/stems/{name}")
    assert [type(found) for found in findings(place)] == [BrokenRow] * 2


def test_orphans_have_a_time_of_grace_and_are_removed_with_their_description(place, song):
    CatalogTable.open(place).publish([song(place, 1)])
    song(place, 1, attempt="lost")
    song(place, 2)
    tally = Tally()
    assert list(verify(place, tally, grace_seconds=3600)) == []
    assert tally.young_attempts == 2
    orphans = findings(place)
    assert len(orphans) == 2
    assert remove_orphans(place, orphans, settle_seconds=0) == 2
    assert findings(place, deep=True) == []
    assert len(storage.list_names(f"{place}/stems")) == 3


def test_an_orphan_that_is_adopted_meanwhile_stays_whole(place, song, monkeypatch):
    row = song(place, 1)
    orphans = findings(place)

    def adopted(_seconds):
        assert StemStore(place, MODEL).adopt(work_of(1)) is None, "nobody may begin to adopt it now"
        CatalogTable.open(place).publish([row])

    monkeypatch.setattr("lasaft_core.catalog.verification.time.sleep", adopted)
    assert remove_orphans(place, orphans) == 0
    assert StemStore(place, MODEL).adopt(work_of(1)) is not None
    assert findings(place, deep=True) == []


def track_of(row):
    return f"{row.stems[0].uri.rpartition('/')[0]}/track.json"


def test_a_lost_description_is_found_and_put_anew(place, song):
    row, twin, whole = (
        song(place, 1),
        replace(song(place, 1), source_uri="s3://in/t"),
        song(place, 2),
    )
    CatalogTable.open(place).publish([row, twin, whole])
    described = storage.read_bytes(track_of(row))
    storage.remove(track_of(row))

    found = findings(place, deep=True)
    assert [(type(one), one.prefix) for one in found] == [
        (Undescribed, track_of(row).removesuffix("/track.json"))
    ]
    assert describe(place, found) == 1

    assert findings(place, deep=True) == []
    adopted = StemStore(place, MODEL).adopt(work_of(1))
    assert adopted["source_uri"] in {row.source_uri, twin.source_uri}
    assert {**json.loads(described), "source_uri": ""} == {
        **json.loads(storage.read_bytes(track_of(row))),
        "source_uri": "",
    }


def test_a_description_without_stems_is_not_put_for_a_row_that_went_meanwhile(place, song):
    table = CatalogTable.open(place)
    table.publish([song(place, 1)])
    (row,) = table.rows()
    storage.remove(track_of(row))
    found = findings(place)

    remove_tracks(place, [row], reason="forget", settle_seconds=0)

    assert describe(place, found) == 0
    assert storage.list_names(f"{place}/stems") == []


def test_stems_that_other_rows_use_are_not_touched_whenever_forget_ends(place, song, monkeypatch):
    shared, alone = song(place, 1), song(place, 2)
    twin = replace(shared, source_uri="s3://in/twin.wav")
    CatalogTable.open(place).publish([shared, twin, alone])

    def broken_off(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("lasaft_core.catalog.verification.time.sleep", broken_off)
    with pytest.raises(KeyboardInterrupt):
        remove_tracks(place, [shared, alone], reason="forget")

    assert StemStore(place, MODEL).adopt(work_of(1)) is not None
    (left,) = findings(place, deep=True)
    assert (type(left), left.attempt.shard.works) == (Orphan, "02")
    receipt = remove_tracks(place, [shared], reason="forget")  # nothing to wait for
    assert receipt["attempts_kept_for_other_rows"] == 1


def test_forgotten_tracks_leave_a_receipt_and_stems_that_others_need(place, song):
    shared = song(place, 1)
    twin = replace(shared, source_uri="s3://in/twin.wav")
    alone = song(place, 2)
    CatalogTable.open(place).publish([shared, twin, alone])

    gone = rows_of_sources(place, ["s3://in/1.wav", "s3://in/2.wav"])
    receipt = remove_tracks(place, gone, reason="forget", settle_seconds=0)

    assert [row.source_uri for row in CatalogTable.open(place).rows()] == ["s3://in/twin.wav"]
    assert findings(place, deep=True) == []
    assert len(storage.list_names(f"{place}/stems")) == 3
    kept = json.loads(storage.read_bytes(receipt.pop("uri")))
    assert kept == receipt
    assert (kept["rows_removed"], kept["attempts_removed"]) == (2, 1)
    assert kept["attempts_kept_for_other_rows"] == 1
    assert {stem["sha256"] for track in kept["tracks"] for stem in track["stems"]} == {
        stem.sha256 for row in (shared, alone) for stem in row.stems
    }


def test_superseded_models_are_pruned_after_their_grace(place, song):
    table = CatalogTable.open(place)
    table.publish([song(place, 1), song(place, 2)])
    table.publish([song(place, 1, model=NEW_MODEL)])
    assert superseded_rows(place, datetime.now(UTC) - timedelta(days=30)) == []
    (old,) = superseded_rows(place, datetime.now(UTC))
    assert (old.source_uri, old.model_fingerprint) == ("s3://in/1.wav", MODEL)

    remove_tracks(place, [old], reason="prune", settle_seconds=0)

    left = {(row.source_uri, row.model_fingerprint) for row in table.rows()}
    assert left == {("s3://in/1.wav", NEW_MODEL), ("s3://in/2.wav", MODEL)}
    assert findings(place, deep=True) == []


def test_rows_are_named_a_few_at_a_time(place, song, monkeypatch):
    table = CatalogTable.open(place)
    table.publish([song(place, number) for number in range(5)])
    table.publish([song(place, number, model=NEW_MODEL) for number in range(5)])
    named = []

    def having(keys, having=queries.having):
        named.append(len(list(keys)))
        return having(keys)

    monkeypatch.setattr(queries, "KEYS_PER_QUERY", 2)
    monkeypatch.setattr(queries, "having", having)
    old = superseded_rows(place, datetime.now(UTC))
    assert ([row.key[0] for row in old], named) == (
        [f"s3://in/{n}.wav" for n in range(5)],
        [2, 2, 1],
    )

    assert remove_tracks(place, old, reason="prune", settle_seconds=0)["rows_removed"] == 5
    for name in storage.list_names(f"{place}/stems"):
        storage.remove(f"{place}/stems/{name}")
    assert withdraw(place, findings(place)) == 5

    assert max(named) == 2
    assert {row.status for row in table.rows()} == {"failed"}
