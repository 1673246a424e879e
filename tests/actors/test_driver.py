"""The driver loop on a real local Ray, with workers that die, hang and fail as they are told."""

import operator
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
import ray
from fake_workers import (
    FakeWorker,
    NeverStarts,
    ScriptedGate,
    StartsOnce,
    name_of,
    place_of,
    rows_by_name,
    track,
)

from lasaft_core.errors import InvalidOption, WorkersUnavailable
from ray_actors import driver
from ray_actors.actor import Slot
from ray_actors.messages import PoolOptions
from ray_actors.pool import RayPool
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("local_ray", "quick_polls")


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver looks up often, so that short tracks and deadlines are long enough to tell."""
    monkeypatch.setattr(driver, "POLL_SECONDS", 0.1)


def run(
    settings,
    tasks,
    factory=FakeWorker,
    *,
    stop_at: str | None = None,
    go_at: Callable[[], bool] = lambda: False,
    **options,
):
    """All results; `stop_at` is the line of the workers' diary at which the run is stopped, `go_at`
    says when `await` ends."""
    stop = Event()

    def watch(_: float) -> None:
        if stop_at in diary(settings):
            stop.set()
        if go_at():
            place_of(settings, ".go").touch()

    pool = RayPool(settings, PoolOptions(**options), factory)
    return list(pool.run(tasks, stop=stop, on_tick=watch))


def diary_entries(settings) -> list[tuple[int, str]]:
    path = place_of(settings, ".diary")
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(line.partition(" ")[0]), line.partition(" ")[2]) for line in lines]


def diary(settings) -> list[str]:
    return [entry for _, entry in diary_entries(settings)]


def wait_for_the_end_of(pids: set[int]) -> None:
    """Fails by the time limit if one of the processes lives on."""

    def living() -> list[int]:
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    eventually(living, operator.not_, seconds=60)


def workers_seen(settings) -> set[int]:
    return {pid for pid, _ in diary_entries(settings)}


def test_tracks_are_done_longest_first(settings, monkeypatch):
    monkeypatch.setattr("ray_actors.driver.OUTSTANDING", 1)
    tasks = [track(f"ok-{seconds}", seconds=seconds) for seconds in (1, 5, 3, 4, 2)]

    results = run(settings, tasks, workers=1)

    assert [name_of(result) for result in results] == ["ok-5", "ok-4", "ok-3", "ok-2", "ok-1"]
    assert {result.row.reason for result in results} == {"2"}, "as many threads as CPUs"


def test_a_track_that_kills_its_workers_is_quarantined_and_the_others_are_done(settings):
    tasks = [track("die-a", seconds=9), *(track(f"ok-{n}") for n in range(4))]

    rows = rows_by_name(run(settings, tasks, workers=1))

    killer = rows.pop("die-a")
    assert (killer.status, killer.reason) == ("quarantined", "worker_lost")
    assert [attempt.attempt for attempt in killer.attempts] == [1, 2, 3]
    assert all("worker process has died" in attempt.error for attempt in killer.attempts)
    assert set(rows) == {"ok-0", "ok-1", "ok-2", "ok-3"}
    assert all(row.status == "skipped" and not row.attempts for row in rows.values())


def test_a_charged_track_runs_alone_and_may_still_succeed(settings):
    tasks = [track("die_once-a", seconds=9), track("ok-b", seconds=5), track("ok-c")]

    rows = rows_by_name(run(settings, tasks, workers=1))

    assert rows["die_once-a"].status == "skipped"
    assert len(rows["die_once-a"].attempts) == 1
    entries = diary(settings)
    killed = entries.index("begin die_once-a")
    assert entries[killed + 1 : killed + 3] == ["begin die_once-a", "end die_once-a"]


def test_a_track_that_kills_while_it_waits_is_found_at_the_cost_of_one_other(settings, caplog):
    tasks = [*(track(f"await-{n}", seconds=9 - n) for n in range(2)), track("die_ahead-a")]

    rows = rows_by_name(run(settings, tasks, workers=1, go_at=lambda: "lost_with" in caplog.text))

    assert rows.pop("die_ahead-a").status == "quarantined"
    assert {row.status for row in rows.values()} == {"skipped"}
    assert sum(len(row.attempts) for row in rows.values()) == 1


def test_a_track_that_lost_two_workers_runs_alone_with_the_smallest_batch(settings):
    tasks = [track("die_twice-a", seconds=9), track("ok-b"), track("ok-c")]

    rows = rows_by_name(run(settings, tasks, workers=1))

    assert rows["die_twice-a"].status == "skipped"
    assert [attempt.attempt for attempt in rows["die_twice-a"].attempts] == [1, 2]
    entries = diary(settings)
    last = entries.index("begin die_twice-a frugally")
    assert entries[last - 1 : last + 2] == [
        "begin die_twice-a",
        "begin die_twice-a frugally",
        "end die_twice-a",
    ]


def test_an_exception_outside_the_boundary_costs_its_own_track_only(settings):
    rows = rows_by_name(run(settings, [track("raise-a", seconds=2), track("ok-b")], workers=1))

    assert rows["raise-a"].status == "failed"
    assert rows["raise-a"].error_type == "RuntimeError"
    assert rows["raise-a"].error_message == "the worker itself is broken"
    assert rows["ok-b"].status == "skipped"


def test_a_stuck_track_is_cut_off_and_a_slow_one_that_gets_further_is_not(settings, monkeypatch):
    """A second is over whenever the slow track is heard to be further, or done."""
    now, heard, rows = [0.0], [0.0], {}
    monkeypatch.setattr("ray_actors.actor.monotonic", lambda: now[0])
    monkeypatch.setattr("ray_actors.driver.OUTSTANDING", 1)

    def tick(audio_seconds: float) -> None:
        if audio_seconds > heard[0] or "creep-25" in rows:
            heard[0] = audio_seconds
            now[0] += 1.0

    deadline = {"deadline_base_seconds": 1.6, "deadline_factor": 0.0, "max_losses": 1}
    pool = RayPool(settings, PoolOptions(workers=2, **deadline), FakeWorker)
    for result in pool.run([track("hang-a"), track("creep-25")], stop=Event(), on_tick=tick):
        rows[name_of(result)] = result.row

    assert rows["hang-a"].status == "quarantined"
    assert "no progress within 2 s" in rows["hang-a"].attempts[0].error
    assert rows["creep-25"].status == "skipped"


def test_no_worker_at_all_stops_the_run_with_the_first_cause(settings, caplog):
    with pytest.raises(WorkersUnavailable, match="the checkpoint is a picture of a cat"):
        run(settings, [track("ok-a"), track("ok-b")], NeverStarts, workers=2)

    assert "Traceback" in caplog.text or "fake_workers.py" in caplog.text


def test_the_workers_that_start_do_the_work_of_those_that_do_not(settings, caplog):
    told = "worker_start=failed workers_left=1"
    tasks = [track(f"await-{n}") for n in range(4)]

    results = run(settings, tasks, StartsOnce, workers=2, go_at=lambda: told in caplog.text)

    assert len(results) == 4
    assert told in caplog.text


def test_a_worker_that_no_node_has_room_for_ends_the_wait(settings):
    holder = Slot.start({"num_cpus": 2}, FakeWorker, settings)
    ray.get(holder.ready_ref, timeout=120)
    try:
        with pytest.raises(WorkersUnavailable, match="not ready within 1 s; it asked for 2 CPUs"):
            run(settings, [track("ok-a")], workers=1, start_seconds=1.0)
    finally:
        holder.kill()


def test_stop_waits_for_what_is_on_the_device_and_drops_the_rest(settings):
    tasks = [track(f"slow-{n}", seconds=20 - n) for n in range(20)]

    results = run(settings, tasks, workers=1, stop_at="begin slow-0")

    assert "slow-0" in [name_of(result) for result in results]
    assert len(results) <= 3
    wait_for_the_end_of(workers_seen(settings))


def test_stop_gives_up_on_a_track_that_does_not_end(settings):
    results = run(settings, [track("hang-a")], workers=1, stop_at="begin hang-a", drain_seconds=0.5)

    assert results == []
    wait_for_the_end_of(workers_seen(settings))


def test_an_on_demand_run_gets_the_workers_that_it_wants(settings):
    gate, heard = ScriptedGate(), []

    def tick(_: float) -> None:
        """All workers at first, then one of two, as soon as there is somebody to ask for it."""
        heard.append(gate.workers_wanted)
        if len(heard) == 3:
            gate.workers_wanted = 1

    gate.workers_wanted = 2
    pool = RayPool(settings, PoolOptions(workers=2), FakeWorker)
    tasks = [track(f"slow-{n}") for n in range(4)]
    running = pool.run(tasks, stop=Event(), on_tick=tick, gate=gate)

    assert len(list(running)) == 4
    assert heard[:3] == [2, 2, 2]
    assert len(workers_seen(settings)) == 1
    wait_for_the_end_of(workers_seen(settings))


def test_a_worker_that_is_wanted_elsewhere_ends_and_another_comes_back(settings):
    gate, results = ScriptedGate(), {}

    def tick(_: float) -> None:
        pids = workers_seen(settings)
        is_gone = not any(Path(f"/proc/{pid}").exists() for pid in pids)
        gate.workers_wanted = int(len(results) > 0 and len(pids) == 1 and not is_gone)

    pool = RayPool(settings, PoolOptions(workers=1), FakeWorker)
    tasks = [track(f"slow-{n}", seconds=9 - n) for n in range(5)]
    for result in pool.run(tasks, stop=Event(), on_tick=tick, gate=gate):
        results[name_of(result)] = result

    assert sorted(results) == [f"slow-{n}" for n in range(5)]
    assert len(workers_seen(settings)) == 2


def test_each_worker_has_a_gpu_of_its_own(settings):
    slots = [Slot.start({"num_cpus": 1, "num_gpus": 1}, FakeWorker, settings) for _ in range(2)]
    try:
        facts = ray.get([slot.ready_ref for slot in slots], timeout=120)
    finally:
        for slot in slots:
            slot.kill()

    assert sorted(fact.gpu_ids for fact in facts) == [("0",), ("1",)]


def test_more_gpus_than_a_node_has_is_refused(settings):
    with pytest.raises(InvalidOption, match="at most 2"):
        run(settings, [track("ok-a")], gpus_per_worker=3.0)
