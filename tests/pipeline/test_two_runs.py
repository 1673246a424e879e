"""Two runs over one catalog and one destination at the same time."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Barrier, Event, Thread

import pytest
from song_folder import SongFolder, noise

from flows import publishing
from flows.catalog_run import execute, make_plan, new_run_id, preflight
from flows.publishing import BatchPublisher
from flows.run_records import RunReport
from lasaft_core import storage
from lasaft_core.catalog import claims as claims_module
from lasaft_core.catalog.claims import RunClaims, claim_key
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import StoreError
from lasaft_core.storage.local import LocalStore
from ray_actors import backlog, inline
from ray_actors.messages import TrackResult
from tests.made_songs import put_stems
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_module, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(backlog, "ASK_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(inline, "POLL_SECONDS", 0.05)


def put_songs(songs: SongFolder, count: int) -> None:
    for number in range(count):
        songs.put(f"{number}.wav", noise(5000 + number, seed=number))


@pytest.fixture
def both_have_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two runs goes on with the first tracks that it got once the other has some too."""
    both, met = Barrier(2, timeout=60), set[RunClaims]()
    claim = RunClaims.claim

    def claim_and_meet(claims: RunClaims, keys: Iterable[str]) -> set[str]:
        granted = claim(claims, keys)
        if granted and claims not in met:
            met.add(claims)
            both.wait()
        return granted

    monkeypatch.setattr(RunClaims, "claim", claim_and_meet)


@pytest.mark.usefixtures("both_have_claimed")
def test_two_runs_at_once_leave_one_row_a_track_and_do_none_twice(songs: SongFolder) -> None:
    put_songs(songs, 16)
    both_have_planned = Barrier(2)

    def run(_: int) -> RunReport:
        prepared = preflight(songs.config())
        plan, _ = make_plan(prepared)
        both_have_planned.wait(60)
        return execute(prepared, plan, run_id=new_run_id())

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(run, range(2))

    assert first.planned["new"] == second.planned["new"] == 16
    assert first.done + second.done == 16
    assert first.done > 0
    assert second.done > 0
    for report in (first, second):
        assert (report.failed, report.passed_over) == (0, 0)
        assert report.done + report.done_elsewhere == 16
    assert {row.status for row in songs.rows().values()} == {"done"}
    assert len(songs.rows()) == 16
    assert len([path for path in songs.stems() if path.name == "track.json"]) == 16


def test_what_a_living_run_holds_to_the_end_is_left_to_it(
    songs: SongFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_songs(songs, 2)
    monkeypatch.setattr("flows.execution.PATIENCE_SECONDS", 0.2)
    fingerprint = preflight(songs.config()).fingerprint
    with closing(RunClaims(str(songs.dest), "another")) as another:
        another.claim([claim_key(f"file://{songs.source}/0.wav", fingerprint)])
        report = songs.run()

    assert (report.done, report.passed_over, report.exit_code()) == (1, 1, 0)
    assert songs.run().done == 1, "the next run does what the other one did not"


def test_an_on_demand_run_goes_first_while_the_nightly_one_is_under_way(
    songs: SongFolder,
) -> None:
    put_songs(songs, 12)
    wanted = f"{songs.source}/3.wav"
    nightly: list[RunReport] = []
    nightly_done = ticks = 0
    has_begun, is_seen = Event(), Event()
    under_way: list[RunClaims] = []
    freed: list[tuple[int, bool]] = []  # what was done and over when the on-demand run ended
    announce, close = RunClaims.announce, RunClaims.close

    def look(progress) -> None:
        nonlocal nightly_done, ticks
        nightly_done, ticks = progress.tracks_done, ticks + 1
        if nightly_done == 1:
            has_begun.set()
            assert is_seen.wait(180)

    def run_nightly() -> None:
        nightly.append(songs.run(on_progress=look))

    def announced(claims: RunClaims, workers: int = 0) -> None:
        announce(claims, workers)
        under_way.append(claims)
        if len(under_way) == 2:
            eventually(lambda: under_way[0].workers_wanted > 0)
            is_seen.set()

    def closed(claims: RunClaims) -> None:
        if claims is not under_way[0]:
            enough = ticks + 20  # of which a song takes some
            eventually(lambda: ticks >= enough or bool(nightly))
            freed.append((nightly_done, bool(nightly)))
        close(claims)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunClaims, "announce", announced)
        patch.setattr(RunClaims, "close", closed)
        thread = Thread(target=run_nightly)
        thread.start()
        assert has_begun.wait(180)
        report = songs.run(sources=(wanted,), on_demand=True)
    thread.join()

    assert (report.done, report.done_elsewhere) == (1, 0)
    assert freed == [(1, False)], "the nightly one has stood aside"
    assert nightly[0].done == 11
    assert len(songs.rows()) == 12


def test_a_store_without_conditional_creation_takes_one_run_at_a_time(
    songs: SongFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put_songs(songs, 1)

    def overwrite(store: LocalStore, data: bytes, key: str) -> bool:
        store.put_bytes(data, key)
        return True

    monkeypatch.setattr(LocalStore, "create", overwrite)
    with closing(RunClaims(str(songs.dest), "first")) as first:
        first.announce()
        with pytest.raises(StoreError, match=r"another run is under way.*got run first; wait for"):
            songs.run()
    assert "conditional_create=no mode=single_writer" in caplog.text

    assert songs.run().done == 1


def test_a_row_that_comes_too_late_for_its_stems_is_withdrawn(place: str, tmp_path) -> None:
    kept, lost = (put_stems(tmp_path, place, number) for number in (1, 2))
    storage.remove(f"{lost.stems[0].uri.rpartition('/')[0]}/track.json")
    table = CatalogTable.open(place)
    publisher = BatchPublisher(table, force=False)
    long_ago = time.time() - publishing.LATE_SECONDS - 1
    for row in (kept, lost):
        publisher.add(TrackResult(row, whole_at=long_ago))

    publisher.flush()

    rows = {row.source_uri: row for row in table.rows()}
    assert rows[kept.source_uri].status == "done"
    gone = rows[lost.source_uri]
    assert (gone.status, gone.reason, gone.stems) == ("failed", "stems_lost", ())


def test_a_zombie_of_a_track_that_is_done_changes_nothing(place: str, tmp_path) -> None:
    row = put_stems(tmp_path, place, 1)
    late = put_stems(tmp_path, place, 1, attempt="late")
    table = CatalogTable.open(place)
    table.publish([row])
    publisher = BatchPublisher(CatalogTable.open(place), force=False)

    publisher.add(TrackResult(late, whole_at=time.time()))
    publisher.add(TrackResult(replace(late, status="failed", stems=()), whole_at=time.time()))
    publisher.flush()

    (standing,) = table.rows()
    assert standing.stems == row.stems
