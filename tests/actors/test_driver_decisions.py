"""What the driver loop decides over hours and machines, on a cluster that is made up."""

from threading import Event

import pytest
from fake_cluster import FakeCluster
from fake_workers import name_of, track

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
