"""How a run ends whose store or workers are lost, without workers or a store at hand."""

import threading
from types import SimpleNamespace

import pytest

from flows import execution
from flows.cli import main
from flows.execution import Execution
from flows.run_records import RunConfig, RunReport
from flows.stop_deadline import StopDeadline
from lasaft_core.catalog.plan import Plan, PlannedTrack
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import RunBrokenOff, StoreError, WorkersUnavailable
from lasaft_core.storage import ObjectStat
from ray_actors.messages import TrackResult

TRACKS = 3
FINGERPRINT = "f" * 64


class Pool:
    """Finishes one track, then does what it is told until the run is stopped."""

    def __init__(self, then=lambda: None) -> None:
        self._then = then

    def run(self, tasks, *, stop, enough, on_tick, gate):
        yield TrackResult(_row(tasks[0].source.uri))
        while not stop.is_set():
            on_tick(0.0)
            self._then()


def _row(uri: str) -> TrackRow:
    return TrackRow(
        source_uri=uri,
        source_etag="e",
        source_bytes=10,
        status="skipped",
        reason="stands for done",
        model_fingerprint=FINGERPRINT,
    )


@pytest.fixture
def carry_out(tmp_path, monkeypatch):
    """Runs a plan of three songs on the given pool; a stop is heeded for 0.3 s."""
    monkeypatch.setattr(execution, "StopDeadline", lambda stop: StopDeadline(stop, seconds=0.3))
    tracks = [
        PlannedTrack(ObjectStat(f"file:///{number}.wav", 10, "e", None), "new")
        for number in range(TRACKS)
    ]
    prepared = SimpleNamespace(
        config=RunConfig(("in",), str(tmp_path)), fingerprint=FINGERPRINT, single_writer=False
    )

    def run(pool: Pool, stop: threading.Event | None = None) -> RunReport:
        plan, report = Plan(tuple(tracks), done=0), RunReport("run", planned={})
        made = Execution(prepared, plan, report, stop, None)
        made._publisher._batch_seconds = 0.0
        return made.carry_out(pool)

    return run


def test_the_pool_gets_the_workers_that_the_run_is_told_of(monkeypatch):
    monkeypatch.setattr(execution, "open_pool", lambda executor, settings, options: options)
    workers = {"workers": 8, "gpus_per_worker": 0.5, "cpus_per_worker": 4.0}
    model = {"weights_sha256": "0" * 64, "model_name": "none", "weights_licence": None}
    config = RunConfig(("in",), "out", **workers)
    prepared = SimpleNamespace(config=config, fingerprint=FINGERPRINT, **model)

    options = execution.run_pool(prepared, "run", None)

    assert {name: getattr(options, name) for name in workers} == workers


def test_a_cancel_while_a_commit_hangs_ends_the_run_as_cancelled(carry_out, monkeypatch):
    stop, is_back = threading.Event(), threading.Event()
    calls = []

    def hang(table: CatalogTable, rows: list[TrackRow], *, force: bool = False) -> int:
        calls.append(rows)
        stop.set()
        is_back.wait()
        return 0

    monkeypatch.setattr(CatalogTable, "publish", hang)

    report = carry_out(Pool(), stop)
    is_back.set()

    assert (report.stopped, report.unpublished, report.exit_code()) == ("cancelled", 1, 1)
    assert len(calls) == 1, "two threads must not share the table"


def test_a_store_or_workers_lost_after_songs_were_done_break_the_run_off(carry_out, monkeypatch):
    def lose() -> None:
        raise WorkersUnavailable("no worker is left")

    with pytest.raises(RunBrokenOff, match=r"after 1 songs.*no worker is left.*the next run"):
        carry_out(Pool(then=lose))

    def refuse(table: CatalogTable, rows: list[TrackRow], *, force: bool = False) -> int:
        raise StoreError("the store refuses")

    monkeypatch.setattr(CatalogTable, "publish", refuse)
    with pytest.raises(RunBrokenOff, match=r"after 1 songs.*the store refuses"):
        carry_out(Pool())


def test_what_is_missing_before_any_song_is_done_is_wrong_use(carry_out):
    class NoWorkers(Pool):
        def run(self, tasks, *, stop, enough, on_tick, gate):
            raise WorkersUnavailable("no worker starts")
            yield

    with pytest.raises(WorkersUnavailable, match="no worker starts"):
        carry_out(NoWorkers())


def test_a_run_that_is_broken_off_is_code_1(scripted_run, tmp_path, capsys, monkeypatch):
    def lose(*_: object, **__: object) -> None:
        raise RunBrokenOff("broken off after 3 songs", got="no worker is left")

    monkeypatch.setattr("flows.catalog_run.execute", lose)
    monkeypatch.setattr("flows.commands.run.prefect_api_url", lambda: "")

    assert main(["run", "--source", "in", "--dest", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "lasaft-stems: broken off after 3 songs: got no worker is left\n"
    )


def test_small_files_are_joined_every_so_many_commits_and_at_the_end(carry_out, monkeypatch):
    joined, stop = [], threading.Event()
    results = []

    def compact(table: CatalogTable) -> bool:
        joined.append(len(results))
        return True

    class Steady(Pool):
        def run(self, tasks, *, stop, enough, on_tick, gate):
            for number in range(6):
                results.append(number)
                yield TrackResult(_row(f"file:///{number}.wav"))

    monkeypatch.setattr(execution, "COMPACT_COMMITS", 2)
    monkeypatch.setattr(CatalogTable, "compact", compact)

    carry_out(Steady())
    assert joined == [2, 4, 6, 6]

    joined.clear()
    assert carry_out(Pool(then=stop.set), stop).stopped == "cancelled"
    assert len(joined) == 1, "a cancelled run, too"


def test_old_versions_of_the_table_go_at_the_end_after_small_files_were_joined(
    carry_out, monkeypatch, caplog
):
    done = []
    monkeypatch.setattr(CatalogTable, "compact", lambda _: done.append("joined"))
    monkeypatch.setattr(CatalogTable, "vacuum", lambda _: done.append("vacuumed"))
    stop = threading.Event()
    carry_out(Pool(then=stop.set), stop)
    assert done == ["joined", "vacuumed"]

    def refused(_table: CatalogTable) -> int:
        raise StoreError("can't vacuum the table", got="403")

    monkeypatch.setattr(CatalogTable, "vacuum", refused)
    stop = threading.Event()
    assert carry_out(Pool(then=stop.set), stop).stopped == "cancelled"
    assert "catalog not vacuumed: can't vacuum the table: got 403" in caplog.text
