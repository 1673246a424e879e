"""A superseded model goes a portion at a time, and what a crash leaves of it goes with the next."""

import itertools
import json
import threading
from datetime import UTC, datetime

import pytest
from track_rows import failed_row

from lasaft_core import storage
from lasaft_core.catalog import orphans, removal, rows
from lasaft_core.catalog.publication import StemStore
from lasaft_core.catalog.queries import SupersededCount
from lasaft_core.catalog.removal import count_superseded, finish_removals, prune, remove_tracks
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.catalog.verification import Orphan, Tally, verify
from lasaft_core.errors import StoreUnavailable
from tests.made_songs import MODEL, put_stems, work_of

SONGS = range(5)
NEW_MODEL = "e" * 64


@pytest.fixture
def table(place, tmp_path) -> CatalogTable:
    """Five songs of two models, of which the second one stands in for the first."""
    made = CatalogTable.open(place)
    for model in (MODEL, NEW_MODEL):
        made.publish([put_stems(tmp_path, place, number, model=model) for number in SONGS])
    made.publish([failed_row("s3://in/9.wav", model_fingerprint=MODEL)])
    return made


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    """How long it was waited, instead of waiting."""
    waited: list[float] = []
    monkeypatch.setattr(orphans.time, "sleep", waited.append)
    return waited


def findings(place):
    return list(verify(place, Tally(), grace_seconds=0.0))


def prune_now(place, **how):
    return list(prune(place, datetime.now(UTC), **how))


def receipts(place):
    return storage.list_names(f"{place}/receipts")


def models(table):
    return {row.model_fingerprint for row in table.rows(status="done")}


def test_a_model_goes_in_portions_of_which_one_is_in_memory(place, table, pauses, monkeypatch):
    held = []

    def spied(name: str, at: int) -> None:
        plain = getattr(removal, name)

        def spy(*given, **how):
            held.append(len(given[at]))
            return plain(*given, **how)

        monkeypatch.setattr(removal, name, spy)

    monkeypatch.setattr(removal, "PORTION", 2)
    spied("remove_tracks", 1)
    spied("remove_orphans", 1)

    done = prune_now(place)

    assert held == [2, 2, 2, 2, 1, 1], "rows, then attempts, of each portion"
    assert pauses == [60.0] * 3
    assert [receipt["rows_removed"] for receipt in done] == [2, 2, 1]
    kept = [json.loads(storage.read_bytes(receipt.pop("uri"))) for receipt in done]
    assert (kept, len(receipts(place))) == (done, 3)
    assert models(table) == {NEW_MODEL}
    assert findings(place) == []


def test_no_more_than_the_limit_goes_first_sources_first(place, table, pauses, monkeypatch):
    monkeypatch.setattr(removal, "PORTION", 2)
    done = prune_now(place, limit=3)
    assert [len(receipt["tracks"]) for receipt in done] == [2, 1]
    left = [row.source_uri for row in table.rows(MODEL, status="done")]
    assert sorted(left) == ["s3://in/3.wav", "s3://in/4.wav"]
    assert prune_now(place, limit=0) == []


def test_what_would_go_is_counted_without_whole_rows(place, table, monkeypatch):
    sizes = [sum(stem.bytes for stem in row.stems) for row in table.rows(MODEL, status="done")]
    monkeypatch.delattr(rows.TrackRow, "from_dict")
    now = datetime.now(UTC)
    assert count_superseded(place, now) == [SupersededCount(MODEL, 5, sum(sizes))]
    assert count_superseded(place, now, limit=2) == [SupersededCount(MODEL, 2, 2 * sizes[0])]
    assert count_superseded(f"{place}/elsewhere", now) == []


DEATHS = {
    "before the rows go": (CatalogTable, "remove", 1),
    "before the attempts are listed": (removal, "held_attempt", 1),
    "before the stems go": (orphans.time, "sleep", 1),
    "among the stems": (orphans, "remove_attempt", 2),
    "before the receipt": (removal, "canonical_json", 2),
}


def kill(patched, owner, name, call=1):
    """At that call of a function."""
    calls, plain = itertools.count(1), getattr(owner, name)

    def dying(*given, **how):
        if next(calls) >= call:
            raise KeyboardInterrupt
        return plain(*given, **how)

    patched.setattr(owner, name, dying)


def test_a_copy_never_finishes_what_was_begun_on_the_original(tmp_path, pauses, monkeypatch):
    original, copy = f"{tmp_path}/original", f"{tmp_path}/copy"
    table = CatalogTable.open(original)
    table.publish([put_stems(tmp_path, original, 1)])
    with monkeypatch.context() as patched:
        kill(patched, CatalogTable, "remove")
        with pytest.raises(KeyboardInterrupt):
            remove_tracks(original, list(table.rows()), reason="forget")
    for name in storage.list_names(original):
        if not name.startswith("catalog/"):
            storage.put_bytes(storage.read_bytes(f"{original}/{name}"), f"{copy}/{name}")

    (finished,) = finish_removals(copy)

    assert finished["attempts_removed"] == 0
    assert findings(original) == []
    assert len(list(table.rows(status="done"))) == 1


@pytest.mark.parametrize("death", DEATHS)
def test_killed_in_the_middle_the_next_one_finishes(place, table, pauses, monkeypatch, death):
    monkeypatch.setattr(removal, "PORTION", 2)
    with monkeypatch.context() as patched:
        kill(patched, *DEATHS[death])
        with pytest.raises(KeyboardInterrupt):
            prune_now(place)
    (left,) = receipts(place)
    assert left.startswith("unfinished/prune-")
    pauses.clear()

    (finished,) = finish_removals(place)
    assert pauses[0] == 60.0, "whoever adopts just now is waited for"
    assert finished["rows_removed"] == (0 if death == "before the rows go" else 2)
    assert findings(place) == []
    prune_now(place)

    assert models(table) == {NEW_MODEL}
    assert findings(place) == []
    assert all(name.startswith("prune-") for name in receipts(place))
    assert finish_removals(place) == []


def test_what_was_adopted_when_it_was_killed_stays_and_is_described(
    place, table, pauses, monkeypatch
):
    (row,) = table.find("s3://in/1.wav", MODEL)
    with monkeypatch.context() as patched:
        kill(patched, orphans.time, "sleep")
        with pytest.raises(KeyboardInterrupt):
            prune_now(place, limit=2)
    assert StemStore(place, MODEL).adopt(work_of(1)) is None
    table.publish([row])

    (finished,) = finish_removals(place)

    assert (finished["attempts_removed"], finished["attempts_kept_for_other_rows"]) == (1, 1)
    assert StemStore(place, MODEL).adopt(work_of(1)) is not None
    assert findings(place) == []


def test_two_at_once_remove_all_between_them(place, table, pauses, monkeypatch):
    """The second one begins while the first waits, and finds its receipt unfinished."""
    done = []

    def second(_seconds):
        monkeypatch.setattr(orphans.time, "sleep", lambda _: None)
        done.extend(finish_removals(place) + prune_now(place))

    monkeypatch.setattr(removal, "PORTION", 3)
    monkeypatch.setattr(orphans.time, "sleep", second)
    prune_now(place)

    assert [receipt["rows_removed"] for receipt in done] == [3, 2]
    assert models(table) == {NEW_MODEL}
    assert findings(place) == []
    assert not any("unfinished" in name for name in receipts(place))


def test_a_receipt_that_somebody_finishes_meanwhile_is_passed_over(place, table, monkeypatch):
    left = f"{place}/receipts/unfinished/prune-x.json"
    storage.put_bytes(b"{}", left)
    monkeypatch.setattr(orphans.time, "sleep", lambda _: storage.remove(left))
    assert finish_removals(place) == []


def test_several_are_removed_at_once_and_no_more_than_a_few(place, table, pauses, monkeypatch):
    lock, under_way, most = threading.Lock(), 0, 0

    def slow(uri, plain=orphans.remove):
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(0.02)
        plain(uri)
        with lock:
            under_way -= 1

    monkeypatch.setattr(orphans, "_THREADS", 3)
    monkeypatch.setattr(orphans, "remove", slow)
    prune_now(place)
    assert most == 3


def test_an_object_that_can_t_be_removed_is_told_and_its_receipt_stays_unfinished(
    place, table, pauses, monkeypatch
):
    def refused(uri, plain=orphans.remove):
        if uri.endswith("/drums.flac"):
            raise StoreUnavailable(f"can't write {uri}")
        plain(uri)

    with monkeypatch.context() as patched:
        patched.setattr(orphans, "remove", refused)
        with pytest.raises(StoreUnavailable, match=r"drums\.flac"):
            prune_now(place)
    assert {type(finding) for finding in findings(place)} == {Orphan}
    finish_removals(place)
    assert findings(place) == []


def test_shards_are_not_asked_for_one_by_one(place, table, pauses, monkeypatch):
    """Each question reads the whole table: 256 of them a portion would take days."""
    asked = []
    monkeypatch.setattr(
        CatalogTable, "ask", lambda *given, plain=CatalogTable.ask: asked.append(1) or plain(*given)
    )
    doomed = list(table.rows(MODEL, status="done"))
    asked.clear()
    remove_tracks(place, doomed, reason="prune")
    assert len(asked) == 3, "rows as they stand, attempts without rows before and after the pause"
