"""What ends a run before its plan is done, and that what is done by then is kept."""

from threading import Event
from time import monotonic

import pytest
from song_folder import noise

from flows.planning import track_tasks
from flows.publishing import MAX_REFUSALS, BatchPublisher
from flows.reporting import report_lines
from flows.run_records import RunConfig, RunReport
from flows.stop_deadline import DRAIN_SECONDS, END_SECONDS, StopDeadline
from flows.tally import Brake, Tally
from lasaft_core.catalog.plan import Plan, PlannedTrack
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.errors import StoreError
from lasaft_core.storage import ObjectStat
from ray_actors.messages import TrackResult


def tracks(count: int, action: str = "new") -> tuple[PlannedTrack, ...]:
    names = [f"file:///{action}-{number}.wav" for number in range(count)]
    return tuple(PlannedTrack(ObjectStat(name, 10, "e", None), action) for name in names)


def failed(track: PlannedTrack, status: str = "failed") -> TrackResult:
    row = TrackRow(
        source_uri=track.object.uri,
        source_etag="e",
        source_bytes=10,
        status=status,
        reason="truncated",
        model_fingerprint="f",
    )
    return TrackResult(row)


def cause_after(results: list[TrackResult], plan: Plan, **config) -> str | None:
    tally = Tally(plan, list(track_tasks(plan)), RunReport("run", planned={}))
    brake = Brake(RunConfig(("in",), "out", **config), Event())
    for result in results:
        tally.add(result)
        brake.check(tally)
    return brake.cause


def test_a_run_that_goes_wrong_is_stopped_once_there_are_enough_tracks():
    plan = Plan(tracks(30), done=0)
    results = [failed(track) for track in plan.tracks]

    assert cause_after(results[:19], plan) is None
    assert cause_after(results[:20], plan) == "failure_rate"


def test_the_allowed_rate_is_where_it_stops():
    plan = Plan(tracks(40), done=0)
    statuses = ["failed", "skipped", "skipped", "skipped"] * 10
    some = [failed(*pair) for pair in zip(plan.tracks, statuses, strict=True)]

    assert cause_after(some, plan, max_failure_rate=0.2) == "failure_rate"
    assert cause_after(some, plan, max_failure_rate=0.3) is None
    assert cause_after(some, plan) is None, "one failure in four ends no run that was not told to"


def test_a_run_that_goes_wrong_ends_early_and_says_so(songs):
    for number in range(40):
        (songs.source / f"{number}.wav").write_text("no song")

    report = songs.run(max_failure_rate=0.1)

    assert (report.stopped, report.failed, report.exit_code(0.1)) == ("failure_rate", 20, 1)
    assert report_lines(report)[-1] == "stopped: more songs failed than allowed"
    assert len(songs.rows()) == 20


def results_of(plan: Plan, *, bad: int, tried: int) -> list[TrackResult]:
    statuses = ["skipped"] * (tried - bad) + ["failed"] * bad
    return [failed(*pair) for pair in zip(plan.tracks, statuses, strict=False)]


@pytest.mark.parametrize(
    ("planned", "bad", "tried", "rate", "cause"),
    [
        (1000, 1, 20, 0.03, None),  # 5 % so far, yet it can come back under 3 %
        (1000, 30, 100, 0.03, None),
        (1000, 31, 100, 0.03, "failure_rate"),
        (100, 29, 100, 0.29, None),
        (10_000, 10, 20, 0.03, None),
        (10_000, 11, 20, 0.03, "failure_rate"),
        (10_000, 11, 20, 0.0, "failure_rate"),
        (5, 1, 5, 0.1, None),
        (100, 80, 80, 0.8, None),
        (100, 81, 81, 0.8, "failure_rate"),
        (30, 30, 30, 1.0, None),
    ],
)
def test_a_run_ends_once_it_cannot_keep_its_rate_or_runs_wild(planned, bad, tried, rate, cause):
    plan = Plan(tracks(planned), done=0)

    results = results_of(plan, bad=bad, tried=tried)

    assert cause_after(results, plan, max_failure_rate=rate) == cause


def test_tracks_that_had_failed_before_say_nothing_about_this_run():
    plan = Plan(tracks(30, "retry"), done=0)

    assert cause_after([failed(track) for track in plan.tracks], plan) is None


def test_stop_keeps_what_is_done(songs):
    for name in "abc":
        songs.put(f"{name}.wav", noise(seed=ord(name)))
    stop = Event()

    def stop_after_one(progress) -> None:
        if progress.tracks_done:
            stop.set()

    report = songs.run(stop=stop, on_progress=stop_after_one)

    assert (report.stopped, report.done, report.exit_code()) == ("cancelled", 1, 1)
    assert len(songs.rows()) == 1
    assert songs.run().done == 2


def test_a_run_that_is_stopped_while_it_lists_begins_nothing(songs):
    for name in "abc":
        songs.put(f"{name}.wav", noise(seed=ord(name)))
    stop = Event()
    stop.set()

    report = songs.run(stop=stop)

    assert (report.stopped, report.finished, report.exit_code()) == ("cancelled", 0, 1)
    assert sum(report.planned.values()) == 0
    assert not (songs.dest / "claims").exists()


def test_the_hours_are_kept(songs):
    for name in "ab":
        songs.put(f"{name}.wav", noise(seed=ord(name)))

    report = songs.run(max_hours=1e-9)

    assert (report.stopped, report.done, report.exit_code()) == ("max_hours", 0, 0)


def test_what_is_under_way_when_the_hours_are_over_is_finished(songs, monkeypatch):
    for name in "ab":
        songs.put(f"{name}.wav", noise(seed=ord(name)))

    def an_hour_later(_: object) -> None:
        monkeypatch.setattr("flows.tally.monotonic", lambda: monotonic() + 3600.0)

    report = songs.run(max_hours=0.5, on_progress=an_hour_later)

    assert (report.stopped, report.done, report.exit_code()) == ("max_hours", 1, 0)
    assert songs.run().done == 1


def test_a_run_that_is_out_of_hours_can_still_be_cancelled():
    plan, stop = Plan(tracks(1), done=0), Event()
    tally = Tally(plan, list(track_tasks(plan)), RunReport("run", planned={}))
    brake = Brake(RunConfig(("in",), "out", max_hours=1e-9), stop)
    brake.check(tally)
    assert (brake.cause, brake.enough.is_set(), brake.halt.is_set()) == ("max_hours", True, False)

    stop.set()
    brake.check(tally)

    assert (brake.cause, brake.halt.is_set()) == ("cancelled", True)


def test_progress_is_told_in_audio_seconds(songs):
    songs.put("a.wav", noise(44100))
    heard = []

    songs.run(on_progress=heard.append)

    last = heard[-1]
    assert (last.tracks_done, last.tracks_total, last.failed) == (1, 1, 0)
    assert last.audio_seconds_done == pytest.approx(1.0)
    assert last.audio_seconds_total == pytest.approx(1.0)
    done = [progress.audio_seconds_done for progress in heard]
    assert done == sorted(done)


class Register:
    """Takes the batches that a table would; `down` makes it refuse."""

    def __init__(self) -> None:
        self.batches: list[list[TrackRow]] = []
        self.down = False

    def publish(self, rows: list[TrackRow], *, force: bool = False) -> int:
        if self.down:
            raise StoreError("the store is down")
        self.batches.append(rows)
        return len(rows)


def add(publisher: BatchPublisher, result: TrackResult) -> None:
    """As a run does."""
    publisher.add(result)
    if publisher.is_due():
        publisher.flush_patiently()


@pytest.fixture
def rows() -> list[TrackRow]:
    return [failed(track).row for track in tracks(5)]


def test_rows_are_published_in_batches(rows):
    register = Register()
    publisher = BatchPublisher(register, force=False, batch_tracks=2)

    for row in rows:
        add(publisher, TrackResult(row))
    publisher.flush()

    assert [len(batch) for batch in register.batches] == [2, 2, 1]


def test_rows_do_not_wait_for_ever(rows):
    register = Register()
    publisher = BatchPublisher(register, force=False, batch_seconds=0.0)

    add(publisher, TrackResult(rows[0]))

    assert register.batches == [[rows[0]]]


def test_rows_survive_a_commit_that_failed(rows):
    register = Register()
    publisher = BatchPublisher(register, force=False)
    add(publisher, TrackResult(rows[0]))
    register.down = True
    with pytest.raises(StoreError, match="the store is down"):
        publisher.flush()
    register.down = False

    add(publisher, TrackResult(rows[1]))
    publisher.flush()

    assert register.batches == [rows[:2]]


def test_a_store_that_is_down_for_a_while_costs_no_run(rows):
    register = Register()
    publisher = BatchPublisher(register, force=False, batch_seconds=0.0)
    register.down = True
    add(publisher, TrackResult(rows[0]))
    add(publisher, TrackResult(rows[1]))
    register.down = False

    publisher.flush_patiently()

    assert register.batches == [rows[:2]]


def test_the_last_rows_wait_for_a_store_that_is_down_for_a_while_too(rows):
    register, waits = Register(), []

    class Stop(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            register.down = len(waits) < 3
            return self.is_set()

    publisher = BatchPublisher(register, force=False, batch_seconds=30.0)
    publisher.add(TrackResult(rows[0]))
    register.down = True

    publisher.flush_all(Stop())

    assert (register.batches, waits) == ([rows[:1]], [30.0] * 3)


def test_the_last_rows_of_a_stopped_run_are_tried_once(rows):
    register, stop = Register(), Event()
    publisher = BatchPublisher(register, force=False)
    publisher.add(TrackResult(rows[0]))
    register.down = True
    stop.set()

    with pytest.raises(StoreError, match="the store is down"):
        publisher.flush_all(stop)


def test_a_store_that_stays_down_ends_the_run(rows):
    register = Register()
    publisher = BatchPublisher(register, force=False, batch_seconds=0.0)
    register.down = True
    add(publisher, TrackResult(rows[0]))
    for _ in range(MAX_REFUSALS - 2):
        publisher.flush_patiently()

    with pytest.raises(StoreError, match="the store is down"):
        publisher.flush_patiently()


def test_the_times_of_a_stopped_run_leave_ten_of_its_thirty_seconds_to_the_end_of_its_workers():
    assert DRAIN_SECONDS < END_SECONDS <= 30 - 10


def test_a_stopped_run_does_not_wait_for_a_store_that_does_not_answer():
    stop, is_away = Event(), Event()
    deadline = StopDeadline(stop, seconds=0.2)
    assert deadline.within(lambda: "an answer") == "an answer"
    with pytest.raises(ZeroDivisionError):
        deadline.within(lambda: 1 / 0)
    stop.set()

    with pytest.raises(StoreError, match="did not answer before the run had to end"):
        deadline.within(is_away.wait)
    is_away.set()
