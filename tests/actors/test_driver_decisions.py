"""What the driver loop decides over hours and machines, on a cluster that is made up."""

from collections import Counter
from math import inf
from threading import Event

import pytest
from fake_cluster import FakeActor, FakeCluster
from fake_workers import ScriptedGate, name_of, rows_by_name, track

from lasaft_core.errors import WorkersUnavailable
from ray_actors.actor import OUTSTANDING, Slot
from ray_actors.placement import BAD_AFTER_TRACKS

HOUR = 3600.0


@pytest.fixture
def cluster(settings, monkeypatch):
    """Of the machines that are named, one place for a worker each."""

    def made(*places: str) -> FakeCluster:
        found = FakeCluster(settings, list(places))
        found.install(monkeypatch)
        return found

    return made


def test_enough_lets_what_is_on_the_devices_finish_however_long_it_takes(cluster):
    machines, enough, gate = cluster("a", "b"), Event(), ScriptedGate()
    tasks = [track(f"mix-{n}", seconds=3 * HOUR) for n in range(9)]

    def tick(_: float) -> None:
        if machines.now > HOUR:
            enough.set()

    run = {"enough": enough, "on_tick": tick, "drain_seconds": 10.0, "gate": gate}
    results = list(machines.results(tasks, **run))

    assert [name_of(result) for result in results] == ["mix-0", "mix-1"]
    granted = {name for asked in gate.asked for name in asked}
    assert set(gate.given_back) == granted - {"mix-0", "mix-1"}, "also what workers had queued"
    assert machines.now == pytest.approx(3 * HOUR, abs=60.0)


def test_a_stop_cuts_off_what_enough_lets_finish(cluster):
    machines, enough, stop = cluster("a"), Event(), Event()

    def tick(_: float) -> None:
        if machines.now > HOUR:
            enough.set()
        if machines.now > 2 * HOUR:
            stop.set()

    run = {"enough": enough, "stop": stop, "on_tick": tick, "drain_seconds": 10.0}
    results = list(machines.results([track("mix", seconds=3 * HOUR)], **run))

    assert results == []
    assert machines.now == pytest.approx(2 * HOUR, abs=60.0)


def test_a_bad_machine_costs_no_track_and_gets_no_more_after_a_few(cluster, caplog):
    machines = cluster("good", "bad")
    machines.dies = lambda node, _: node == "bad"
    tasks = [track(f"ok-{n}", seconds=100.0 - n) for n in range(30)]

    results = list(machines.results(tasks))

    assert sorted(map(name_of, results)) == sorted(f"ok-{n}" for n in range(30))
    assert {result.row.status for result in results} == {"skipped"}
    died = {uri for uri, node in machines.begun if node == "bad"}
    assert len(died) <= BAD_AFTER_TRACKS * OUTSTANDING
    assert all(len(result.row.attempts) <= 1 for result in results)
    assert caplog.text.count("machine=bad bad=yes") == 1


def test_a_track_that_lost_its_worker_is_next_tried_on_another_machine(cluster):
    machines = cluster("a", "b", "a", "b")
    machines.dies = lambda node, uri: (node, uri) == ("a", "file:///heavy")
    tasks = [track("heavy", seconds=500.0), *(track(f"ok-{n}", seconds=50.0) for n in range(40))]

    rows = rows_by_name(list(machines.results(tasks)))

    assert rows["heavy"].status == "skipped"
    assert [node for uri, node in machines.begun if uri == "file:///heavy"] == ["a", "b"]
    waited = [uri for uri, node in machines.begun if node == "b"].index("file:///heavy")
    assert waited <= 3 * OUTSTANDING, "a worker there runs empty for it"


def test_a_track_that_kills_on_every_machine_is_quarantined_and_no_machine_is_blamed(cluster):
    machines = cluster("a", "b")
    machines.dies = lambda _, uri: "kills" in uri
    killers = [track(f"kills-{n}", seconds=500.0) for n in range(5)]
    tasks = [*killers, *(track(f"ok-{n}", seconds=50.0) for n in range(20))]

    rows = rows_by_name(list(machines.results(tasks)))

    quarantined = {name for name, row in rows.items() if row.status == "quarantined"}
    assert quarantined == {f"kills-{n}" for n in range(5)}
    assert len(rows) == 25
    harmless = Counter(node for uri, node in machines.begun if "ok" in uri)
    assert min(harmless.values()) >= 5, "both are at work to the end"


def test_on_one_machine_a_track_is_tried_there_again(cluster):
    machines = cluster("a", "a")
    machines.dies = lambda _, uri: "kills" in uri
    tasks = [track("kills", seconds=500.0), *(track(f"ok-{n}") for n in range(4))]

    rows = rows_by_name(list(machines.results(tasks)))

    assert [row.status for row in rows.values()].count("skipped") == 4
    assert [attempt.worker.partition("/")[0] for attempt in rows["kills"].attempts] == ["a"] * 3


def test_an_on_demand_run_starts_as_soon_as_a_song_of_the_nightly_one_is_done(cluster):
    """Its one song asks for as many CPUs as a nightly worker frees."""
    machines, nightly, asked = cluster(*["a"] * 16), ScriptedGate(), ScriptedGate()
    songs = [track(f"mix-{n}", seconds=HOUR / 2) for n in range(40)]
    done: list[str] = []
    asked_done_at, workers_afterwards = inf, 0

    def watch(_: float) -> None:
        nonlocal workers_afterwards
        if machines.now > asked_done_at:
            workers_afterwards = max(workers_afterwards, machines.workers())

    def run_nightly() -> None:
        results = machines.run(songs, workers=4, gate=nightly, on_tick=watch)
        done.extend(map(name_of, results))

    def run_asked() -> None:
        nonlocal asked_done_at
        machines.pass_time(60.0)
        nightly.workers_wanted, asked.others_at_work = 1, True
        one_song = [track("asked", seconds=60.0)]
        done.extend(map(name_of, machines.run(one_song, workers=4, gate=asked)))
        asked_done_at, nightly.workers_wanted = machines.now, 0

    machines.run_together(run_nightly, run_asked)

    assert asked_done_at < HOUR / 2 + 120.0
    assert Counter(done) == Counter(["asked", *(f"mix-{n}" for n in range(40))])
    assert len(set(nightly.given_back)) >= OUTSTANDING - 1, "the asked run may have had these"
    assert workers_afterwards == 4


@pytest.fixture
def crowded(cluster, settings):
    """Two machines, one of them taken; the worker that holds it."""
    machines = cluster("a", "b")
    return machines, Slot.start({"num_cpus": 1.0}, FakeActor, settings)


def test_a_worker_without_room_is_waited_for_while_another_is_at_work(crowded, caplog):
    machines, holder = crowded

    def tick(_: float) -> None:
        if machines.now > 3 * HOUR:
            holder.kill()

    results = machines.run(
        [track(f"mix-{n}", seconds=HOUR) for n in range(9)], workers=2, on_tick=tick
    )

    assert len(list(results)) == 9
    assert {node for _, node in machines.begun} == {"a", "b"}
    assert caplog.text.count("worker_start=late") == 1


def test_the_only_machine_with_room_gets_songs_though_they_die_there(crowded):
    machines, _ = crowded
    machines.dies = lambda _, uri: "kills" in uri
    songs = [track(f"kills-{n}", seconds=500.0) for n in range(3)]
    songs += [track(f"ok-{n}", seconds=50.0) for n in range(10)]

    rows = rows_by_name(list(machines.run(songs, workers=2)))

    assert len(rows) == 13
    assert {node for _, node in machines.begun} == {"b"}
    assert machines.now < HOUR


def test_a_run_frees_what_it_has_and_not_what_it_waits_for(crowded):
    machines, holder = crowded
    gate, freed_at = ScriptedGate(), []

    def tick(_: float) -> None:
        gate.workers_wanted = int(machines.now > HOUR / 2 and not freed_at)
        if gate.workers_wanted and machines.workers() == 1:
            freed_at.append(machines.now)
            holder.kill()

    songs = [track(f"mix-{n}", seconds=HOUR) for n in range(9)]
    assert len(list(machines.run(songs, workers=2, gate=gate, on_tick=tick))) == 9

    assert freed_at == [pytest.approx(HOUR, abs=60.0)]


@pytest.mark.parametrize("others_at_work", [True, False])
def test_room_is_waited_for_longer_where_another_run_may_make_it(crowded, others_at_work):
    machines, holder = crowded
    machines.places.remove("b")
    gate = ScriptedGate()
    gate.others_at_work = others_at_work

    def tick(_: float) -> None:
        if machines.now > HOUR / 2:
            holder.kill()

    results = machines.run([track("ok")], workers=1, gate=gate, on_tick=tick)

    if others_at_work:
        assert len(list(results)) == 1
    else:
        with pytest.raises(WorkersUnavailable, match="not ready within 300 s; it asked for 1 CPUs"):
            list(results)


def test_the_wait_for_room_that_another_run_keeps_ends(crowded):
    machines, _ = crowded
    machines.places.remove("b")
    gate = ScriptedGate()
    gate.others_at_work = True

    with pytest.raises(WorkersUnavailable, match="not ready within 3600 s"):
        list(machines.run([track("ok")], workers=1, gate=gate))


def test_a_cluster_that_grows_by_what_is_asked_of_it_is_waited_for(cluster):
    """Its first machine comes after ten minutes, its second, the last that it may have, later."""
    machines = cluster()
    hours_of_machines = {HOUR / 6: "a", HOUR / 2: "b"}

    def tick(_: float) -> None:
        for at in [at for at in hours_of_machines if machines.now > at]:
            machines.add_machine(*[hours_of_machines.pop(at)] * 4)

    options = {"workers": 8, "cpus_per_worker": 4.0}
    results = machines.run(
        [track(f"mix-{n}", seconds=HOUR / 4) for n in range(12)], on_tick=tick, **options
    )

    assert len(list(results)) == 12
    assert {node for _, node in machines.begun} == {"a", "b"}


@pytest.mark.parametrize(("cpus", "is_told"), [(None, True), (0.5, False)])
def test_workers_of_less_than_a_cpu_that_nobody_asked_for_are_told(cluster, caplog, cpus, is_told):
    tasks = [track(f"ok-{n}") for n in range(2)]

    results = cluster("a").run(tasks, workers=2, cpus_per_worker=cpus)

    assert len(list(results)) == 2
    assert ("--cpus-per-worker" in caplog.text) == is_told
