"""Machines, workers and a clock that a test makes up, in the place of Ray under the driver loop."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from threading import Event
from types import SimpleNamespace

import pytest
from ray.exceptions import ActorDiedError

from ray_actors import actor, driver
from ray_actors.actor import Progress, Slot, WorkerFacts
from ray_actors.attempts import base_row
from ray_actors.driver import DriverLoop
from ray_actors.messages import PoolOptions, TrackResult, TrackTask, WorkerSettings
from ray_actors.resources import WorkerPlan, WorkerShare

START_SECONDS = 10.0


@dataclass(slots=True, eq=False)
class Promise:
    """What stands for a Ray object reference: a value, or an error, from a moment on."""

    value: object
    at: float


@dataclass(eq=False)
class FakeActor:
    """Does its tracks one after another; `FakeCluster.dies` says which of them kill it."""

    cluster: "FakeCluster"
    node: str
    name: str
    device: list[tuple[float, str]] = field(default_factory=list)  # when each track ends on it

    def __post_init__(self) -> None:
        facts = Promise(WorkerFacts(self.name, self.node, ()), self.cluster.now + START_SECONDS)
        self.facts = SimpleNamespace(remote=lambda: facts)
        self.progress = SimpleNamespace(remote=self._progress)
        self.process = SimpleNamespace(remote=self._process)

    def _progress(self) -> Promise:
        """It tells at once of the track on its device, with the seconds that it still needs."""
        now = self.cluster.now
        left = [(end - now, uri) for end, uri in self.device if end > now]
        return Promise(Progress(left[0][1], -left[0][0]) if left else None, now)

    def _process(self, task: TrackTask) -> Promise:
        cluster, uri = self.cluster, task.source.uri
        cluster.begun.append((uri, self.node))
        starts = max([cluster.now, *(end for end, _ in self.device)])
        if cluster.dies(self.node, uri):
            return Promise(ActorDiedError(), starts + 1.0)
        end = starts + task.audio_seconds_estimate
        self.device.append((end, uri))
        row = base_row(task, cluster.settings, status="skipped", reason="stands for done")
        return Promise(TrackResult(row=row), end)


class FakeCluster:
    """`places`: the machine of each place for a worker. Time passes where the driver waits."""

    def __init__(self, settings: WorkerSettings, places: list[str]) -> None:
        self.settings, self.places = settings, places
        self.now = 0.0
        self.begun: list[tuple[str, str]] = []  # (track, machine)
        self.dies: Callable[[str, str], bool] = lambda node, uri: False
        self._numbers, self._actors = count(), []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ray = SimpleNamespace(wait=self._wait, get=self._get, kill=self._kill)
        for module in (driver, actor):
            monkeypatch.setattr(module, "ray", ray)
            monkeypatch.setattr(module, "monotonic", lambda: self.now)
        monkeypatch.setattr(Slot, "start", self._start)

    def results(
        self,
        tasks: list[TrackTask],
        *,
        stop: Event | None = None,
        enough: Event | None = None,
        on_tick: Callable[[float], None] | None = None,
        **options: float,
    ) -> Iterator[TrackResult]:
        plan = WorkerPlan(len(self.places), WorkerShare(1.0))
        loop = DriverLoop(plan, FakeActor, self.settings, PoolOptions(**options))
        return loop.results(tasks, stop=stop or Event(), enough=enough, on_tick=on_tick)

    def _start(self, options: object, factory: object, settings: WorkerSettings) -> Slot:
        """Where there is room, first place first, as Ray does it."""
        taken = [made.node for made in self._actors]
        node = next(node for node in self.places if taken.count(node) < self.places.count(node))
        made = FakeActor(self, node, f"{node}/{next(self._numbers)}")
        self._actors.append(made)
        return Slot(made, made.facts.remote())

    def _kill(self, made: FakeActor, *, no_restart: bool) -> None:
        if made in self._actors:
            self._actors.remove(made)

    def _wait(
        self, refs: list[Promise], num_returns: int = 1, timeout: float = 0.0
    ) -> tuple[list[Promise], list[Promise]]:
        if not any(ref.at <= self.now for ref in refs):
            self.now += timeout
        ready = [ref for ref in refs if ref.at <= self.now]
        return ready, [ref for ref in refs if ref not in ready]

    def _get(self, ref: Promise, timeout: float = 0.0) -> object:
        if isinstance(ref.value, Exception):
            raise ref.value
        return ref.value
