"""What the driver loop decides over hours and machines, on a cluster that is made up."""

from collections import Counter
from threading import Event

import pytest
from fake_cluster import FakeCluster
from fake_workers import name_of, rows_by_name, track

from ray_actors.actor import OUTSTANDING
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
    machines, enough = cluster("a", "b"), Event()
    tasks = [track(f"mix-{n}", seconds=3 * HOUR) for n in range(9)]

    def tick(_: float) -> None:
        if machines.now > HOUR:
            enough.set()

    results = list(machines.results(tasks, enough=enough, on_tick=tick, drain_seconds=10.0))

    assert [name_of(result) for result in results] == ["mix-0", "mix-1"]
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
