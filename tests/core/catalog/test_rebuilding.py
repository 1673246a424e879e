"""A lost table is made anew from the stems; one that is whole stays as it is."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from track_rows import failed_row

from lasaft_core import storage
from lasaft_core.catalog import orphans, rebuilding
from lasaft_core.catalog.publication import StemStore
from lasaft_core.catalog.rebuilding import rebuild
from lasaft_core.catalog.removal import remove_tracks, superseded_rows
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.catalog.verification import Tally, verify
from lasaft_core.storage import local_path
from tests.made_songs import MODEL, put_stems, work_of

OTHER_MODELS = ("0" * 64, "e" * 64)


@pytest.fixture
def song(tmp_path):
    """`song(place, 1)` is a whole attempt without a row."""
    return partial(put_stems, tmp_path)


@pytest.fixture
def folder(tmp_path):
    """A destination whose objects can be given an age."""
    return f"file://{tmp_path}/out"


def folder_of(row):
    return row.stems[0].uri.rpartition("/")[0]


def aged(row, days):
    """Its stems were put so many days ago; the description stays new."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
    for stem in row.stems:
        os.utime(local_path(stem.uri), (at.timestamp(), at.timestamp()))
    return replace(row, committed_at=at)


def changed(song, folder, number, *, days):
    """One state of a song that has changed: another work, put so long ago, of the same address."""
    row = song(folder, number, attempt=f"{days} days ago")
    row = replace(row, source_uri="s3://in/song.wav", source_etag=f"e{number}")
    track = f"{folder_of(row)}/track.json"
    described = json.loads(storage.read_bytes(track)) | {
        "source_uri": row.source_uri,
        "source_etag": row.source_etag,
    }
    storage.put_bytes(json.dumps(described).encode(), track)
    return aged(row, days)


def findings(place):
    return list(verify(place, Tally(), deep=True, grace_seconds=0.0))


def test_nothing_gives_no_rows(place):
    assert rebuild(place) == 0
    assert CatalogTable.open(place).version is None


def test_a_lost_table_is_rebuilt_from_the_stems(place, song):
    rows = [song(place, number) for number in (1, 2)]
    song(place, 2, attempt="broken")
    storage.remove(f"{StemStore(place, MODEL).attempt_prefix(work_of(2), 'broken')}/drums.flac")
    storage.put_bytes(
        b"{}", f"{StemStore(place, MODEL).attempt_prefix(work_of(3), 'x')}/track.json"
    )

    assert rebuild(place) == 2
    assert rebuild(place) == 0

    found = {row.source_uri: replace(row, committed_at=None) for row in CatalogTable(place).rows()}
    assert found == {row.source_uri: row for row in rows}


def test_a_destination_that_was_copied_elsewhere_is_rebuilt_there(place, song):
    song(f"{place}/old", 1)
    for name in storage.list_names(f"{place}/old"):
        content = storage.read_bytes(f"{place}/old/{name}")
        storage.put_bytes(content, f"{place}/new/{name}")
        storage.remove(f"{place}/old/{name}")

    assert rebuild(f"{place}/new") == 1

    assert findings(f"{place}/new") == []
    (row,) = CatalogTable(f"{place}/new").rows()
    assert all(stem.uri.startswith(f"{place}/new/stems/") for stem in row.stems)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_whole_table_stays_as_it_is(folder, song, order):
    old, new = order
    table = CatalogTable.open(folder)
    table.publish([changed(song, folder, old, days=2)])
    table.publish([changed(song, folder, new, days=1), song(folder, 3)])
    changed(song, folder, 4, days=0)  # put, never published
    table.publish([failed_row(song(folder, 5).source_uri)])
    before = list(table.rows())

    assert rebuild(folder) == 0

    assert list(table.rows()) == before


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize("rows_per_commit", [1, 1000])
def test_the_newest_attempt_of_a_changed_song_has_the_row(
    folder, song, order, rows_per_commit, monkeypatch
):
    monkeypatch.setattr(rebuilding, "ROWS_PER_COMMIT", rows_per_commit)
    old, new = order
    changed(song, folder, old, days=2)
    newest = changed(song, folder, new, days=1)

    assert rebuild(folder) == 1
    assert rebuild(folder) == 0

    assert list(CatalogTable.open(folder).rows()) == [newest]


def test_a_store_that_tells_no_times_is_rebuilt_too(folder, song, monkeypatch):
    row = song(folder, 1)
    timeless = [
        (shard, [replace(held, objects=_without_times(held.objects)) for held in attempts])
        for shard, attempts in rebuilding.attempts_by_shard(folder)
    ]
    monkeypatch.setattr(rebuilding, "attempts_by_shard", lambda _: timeless)
    assert rebuild(folder) == 1
    assert [found.key for found in CatalogTable.open(folder).rows()] == [row.key]


def _without_times(objects):
    return {name: replace(found, mtime=None) for name, found in objects.items()}


def test_what_was_forgotten_comes_back_only_where_it_was_done_again(folder, song, monkeypatch):
    monkeypatch.setattr(orphans.time, "sleep", lambda _: None)
    earlier = changed(song, folder, 1, days=3)
    current, other = changed(song, folder, 2, days=2), song(folder, 3)
    CatalogTable.open(folder).publish([current, other])
    remove_tracks(folder, [current], reason="forget")
    assert storage.exists(earlier.stems[0].uri)
    assert rebuild(folder) == 0
    assert [row.key for row in CatalogTable.open(folder).rows()] == [other.key]
    again = changed(song, folder, 4, days=-1)
    assert rebuild(folder) == 1
    assert {row.key for row in CatalogTable.open(folder).rows()} == {again.key, other.key}


@pytest.mark.parametrize("newer", OTHER_MODELS)
def test_rebuilt_models_supersede_each_other_as_they_did(folder, song, newer):
    aged(song(folder, 1), days=40)
    standing = aged(song(folder, 1, model=newer), days=20)

    assert rebuild(folder) == 2

    assert superseded_rows(folder, datetime.now(UTC) - timedelta(days=30)) == []
    (old,) = superseded_rows(folder, datetime.now(UTC) - timedelta(days=10))
    assert old.model_fingerprint == MODEL
    (kept,) = CatalogTable.open(folder).find("s3://in/1.wav", newer)
    assert kept == standing


def test_an_attempt_that_goes_while_the_table_is_rebuilt_has_no_row(place, song, monkeypatch):
    gone, there = song(place, 1), song(place, 2)

    def removed(uri, sizes, read=rebuilding.whole_track):
        storage.remove(f"{folder_of(gone)}/track.json")
        return read(uri, sizes)

    monkeypatch.setattr(rebuilding, "whole_track", removed)
    assert rebuild(place) == 1
    assert [row.key for row in CatalogTable.open(place).rows()] == [there.key]
