"""Machines, workers and a clock that a test makes up, in the place of Ray under the driver loop."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count
from math import inf
from threading import Condition, Event, local
from types import SimpleNamespace

import pytest
from ray.exceptions import ActorDiedError

from ray_actors import actor, driver, pool
from ray_actors.actor import Progress, Slot, WorkerFacts
from ray_actors.attempts import base_row
from ray_actors.driver import DriverLoop
from ray_actors.messages import Gate, PoolOptions, TrackResult, TrackTask, WorkerSettings
from ray_actors.pool import RayPool
from ray_actors.resources import NodeResources, WorkerPlan, WorkerShare

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
    cpus: float
    node: str = ""  # none while there is no room
    device: list[tuple[float, str]] = field(default_factory=list)  # when each track ends on it

    def __post_init__(self) -> None:
        self.is_ready = Promise(None, inf)
        self.facts = SimpleNamespace(remote=lambda: self.is_ready)
        self.progress = SimpleNamespace(remote=self._progress)
        self.process = SimpleNamespace(remote=self._process)

    def place(self, node: str, name: str) -> None:
        self.node = node
        self.is_ready.value = WorkerFacts(name, node, ())
        self.is_ready.at = self.cluster.now + START_SECONDS

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


class FakeStop(Event):
    """Who waits for it waits by the cluster's clock."""

    def __init__(self, cluster: "FakeCluster") -> None:
        super().__init__()
        self._cluster = cluster

    def wait(self, timeout: float | None = None) -> bool:
        self._cluster.pass_time(timeout or 0.0)
        return self.is_set()


class FakeCluster:
    """`places`: the machine of each CPU. Time passes where a driver waits; where several do, each
    in its thread, one is at work at a time, and hands on when it waits."""

    def __init__(self, settings: WorkerSettings, places: list[str]) -> None:
        self.settings, self.places = settings, places
        self.now = 0.0
        self.begun: list[tuple[str, str]] = []  # (track, machine)
        self.dies: Callable[[str, str], bool] = lambda node, uri: False
        self._numbers, self._actors = count(), []
        self._turn, self._mine = Condition(), local()
        self._runs = deque[Callable[[], None]]()  # under way at once, the one at work first

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ray = SimpleNamespace(wait=self._wait, get=self._get, kill=self._kill)
        for module in (driver, actor):
            monkeypatch.setattr(module, "ray", ray)
            monkeypatch.setattr(module, "monotonic", lambda: self.now)
        monkeypatch.setattr(Slot, "start", self._start)
        monkeypatch.setattr(pool, "ray_cluster", nullcontext)
        monkeypatch.setattr(pool, "node_resources", self._nodes)

    def results(
        self,
        tasks: list[TrackTask],
        *,
        stop: Event | None = None,
        enough: Event | None = None,
        on_tick: Callable[[float], None] | None = None,
        gate: Gate | None = None,
        **options: float,
    ) -> Iterator[TrackResult]:
        """Of as many workers as there are CPUs."""
        plan = WorkerPlan(len(self.places), WorkerShare(1.0))
        loop = DriverLoop(plan, FakeActor, self.settings, PoolOptions(**options))
        stop = stop or Event()
        return loop.results(tasks, stop=stop, enough=enough, on_tick=on_tick, gate=gate)

    def run(
        self,
        tasks: list[TrackTask],
        *,
        on_tick: Callable[[float], None] | None = None,
        gate: Gate | None = None,
        **options: float,
    ) -> Iterator[TrackResult]:
        """Of a pool that plans its workers itself."""
        made = RayPool(self.settings, PoolOptions(**options), FakeActor)
        return made.run(tasks, stop=FakeStop(self), on_tick=on_tick, gate=gate)

    def run_together(self, *runs: Callable[[], None]) -> None:
        """Raises what one of them does."""
        self._runs.extend(runs)
        with ThreadPoolExecutor(len(runs)) as threads:
            list(threads.map(self._take_part, runs))

    def _take_part(self, run: Callable[[], None]) -> None:
        self._mine.run = run
        with self._turn:
            self._await_turn()
            try:
                run()
            finally:
                self._runs.popleft()
                self._turn.notify_all()

    def _await_turn(self) -> None:
        assert self._turn.wait_for(lambda: self._runs[0] is self._mine.run, timeout=60)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds / max(1, len(self._runs))
        if self._runs:
            self._runs.rotate(-1)
            self._turn.notify_all()
            self._await_turn()

    def add_machine(self, *places: str) -> None:
        self.places += places
        self._place_waiting()

    def workers(self) -> int:
        """Those that have room."""
        return sum(bool(made.node) for made in self._actors)

    def _nodes(self) -> list[NodeResources]:
        return [NodeResources(self.places.count(node)) for node in dict.fromkeys(self.places)]

    def _start(self, options: dict[str, float], factory: object, settings: WorkerSettings) -> Slot:
        made = FakeActor(self, options["num_cpus"])
        self._actors.append(made)
        self._place_waiting()
        return Slot(made, made.facts.remote(), started_at=self.now)

    def _place_waiting(self) -> None:
        """Who asked first is first, on the first machine with room, as Ray does it."""
        for made in self._actors:
            node = next((n for n in self.places if self._free(n) >= made.cpus), None)
            if not made.node and node:
                made.place(node, f"{node}/{next(self._numbers)}")

    def _free(self, node: str) -> float:
        taken = sum(made.cpus for made in self._actors if made.node == node)
        return self.places.count(node) - taken

    def _kill(self, made: FakeActor, *, no_restart: bool) -> None:
        if made in self._actors:
            self._actors.remove(made)
            self._place_waiting()

    def _wait(
        self, refs: list[Promise], num_returns: int = 1, timeout: float = 0.0
    ) -> tuple[list[Promise], list[Promise]]:
        if timeout and not any(ref.at <= self.now for ref in refs):
            self.pass_time(timeout)
        ready = [ref for ref in refs if ref.at <= self.now]
        return ready, [ref for ref in refs if ref not in ready]

    def _get(self, ref: Promise, timeout: float = 0.0) -> object:
        if isinstance(ref.value, Exception):
            raise ref.value
        return ref.value
