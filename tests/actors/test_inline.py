"""The executor without Ray keeps the same order and hears stop inside a track."""

from threading import Event

import pytest
from fake_workers import FakeWorker, name_of, track

from lasaft_core.errors import StoreError
from ray_actors.attempts import base_row, describe
from ray_actors.inline import InlinePool
from ray_actors.messages import PoolOptions, TrackResult


def test_tracks_are_done_longest_first_until_stop(settings):
    pool, stop = InlinePool(settings, PoolOptions(), FakeWorker), Event()
    tasks = [track("ok-a", seconds=1), track("ok-b", seconds=3), track("ok-c", seconds=2)]

    names = []
    for result in pool.run(tasks, stop=stop):
        names.append(name_of(result))
        if len(names) == 2:
            stop.set()

    assert names == ["ok-b", "ok-c"]


def test_followers_are_done_after_their_leader(settings):
    pool = InlinePool(settings, PoolOptions(), FakeWorker)
    tasks = [track("ok-leader", group="g"), track("ok-follower", group="g", seconds=9)]

    results = list(pool.run(tasks, stop=Event()))

    assert [name_of(result) for result in results] == ["ok-leader", "ok-follower"]


def test_progress_is_told_inside_a_track_and_after_it(settings):
    heard: list[float] = []
    pool = InlinePool(settings, PoolOptions(), FakeWorker)

    list(pool.run([track("creep-3")], stop=Event(), on_tick=heard.append))

    assert heard == [0.0, 1.0, 2.0, 3.0, 0.0]


def test_stop_drops_the_track_under_way_without_a_row(settings):
    pool, stop = InlinePool(settings, PoolOptions(), FakeWorker), Event()
    heard: list[float] = []

    def tick(audio_seconds: float) -> None:
        heard.append(audio_seconds)
        if audio_seconds == 2.0:
            stop.set()

    assert list(pool.run([track("creep-5"), track("ok")], stop=stop, on_tick=tick)) == []
    assert heard == [0.0, 1.0, 2.0]


def test_enough_lets_the_track_under_way_finish(settings):
    pool, enough = InlinePool(settings, PoolOptions(), FakeWorker), Event()

    tasks = [track("creep-5", seconds=9), track("ok")]
    ticked = pool.run(tasks, stop=Event(), enough=enough, on_tick=lambda _: enough.set())

    assert [name_of(result) for result in ticked] == ["creep-5"]


def test_an_error_of_the_listener_is_no_fault_of_the_track(settings):
    class Bounded(FakeWorker):
        """As a real worker, it makes a row of what goes wrong with a track."""

        def process(self, task, on_audio=None):
            try:
                return super().process(task, on_audio)
            except StoreError as error:
                return TrackResult(base_row(task, self.settings, **describe(error)))

    def tick(_: float) -> None:
        raise StoreError("the store is away")

    with pytest.raises(StoreError, match="the store is away"):
        list(
            InlinePool(settings, PoolOptions(), Bounded).run(
                [track("ok")], stop=Event(), on_tick=tick
            )
        )


def test_no_track_loads_no_network(settings):
    def never(_: object) -> FakeWorker:
        raise AssertionError("loaded")

    assert list(InlinePool(settings, PoolOptions(), never).run([], stop=Event())) == []
