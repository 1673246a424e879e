"""The process around one worker, and the driver's view of it."""

import platform
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import ray
from ray.exceptions import RayError

from ray_actors.attempts import worker_name
from ray_actors.messages import TrackResult, TrackTask, WorkerFactory, WorkerSettings


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker says when its network is loaded."""

    name: str
    node: str
    gpu_ids: tuple[str, ...]


class WorkerActor:
    """Tracks run one at a time; `facts` and `audio_seconds` answer meanwhile."""

    def __init__(self, factory: WorkerFactory, settings: WorkerSettings) -> None:
        self._worker = factory(settings)
        self._audio_seconds = 0.0

    @ray.method(concurrency_group="control")
    def facts(self) -> WorkerFacts:
        gpu_ids = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
        return WorkerFacts(worker_name(), platform.node(), tuple(map(str, gpu_ids)))

    @ray.method(concurrency_group="control")
    def audio_seconds(self) -> float:
        """Done so far of the track under way."""
        return self._audio_seconds

    def process(self, task: TrackTask) -> TrackResult:
        try:
            return self._worker.process(task, self._note)
        finally:
            self._audio_seconds = 0.0

    def _note(self, audio_seconds: float) -> None:
        self._audio_seconds = audio_seconds


@dataclass(frozen=True, slots=True)
class Assignment:
    """A task that a worker holds, and the reference that its result will come under."""

    task: TrackTask
    ref: Any


@dataclass(slots=True, eq=False)
class Slot:
    """One worker as the driver sees it. The oldest of `outstanding` is on the device."""

    actor: Any
    ready_ref: Any
    started_at: float = field(default_factory=monotonic)
    facts: WorkerFacts | None = None
    outstanding: deque[Assignment] = field(default_factory=deque)
    moved_at: float = 0.0  # when the track on the device last got further
    audio_ref: Any = None
    head_audio_seconds: float = 0.0

    @classmethod
    def start(
        cls, options: dict[str, Any], factory: WorkerFactory, settings: WorkerSettings
    ) -> "Slot":
        options = {**options, "concurrency_groups": {"control": 1}}
        actor = ray.remote(**options)(WorkerActor).remote(factory, settings)
        return cls(actor, actor.facts.remote())

    @property
    def name(self) -> str | None:
        return self.facts.name if self.facts else None

    @property
    def alone(self) -> bool:
        """Holds a track that others must not share its fate with."""
        return any(assignment.task.history for assignment in self.outstanding)

    def has_room(self, outstanding: int) -> bool:
        return self.facts is not None and not self.alone and len(self.outstanding) < outstanding

    def assign(self, task: TrackTask) -> None:
        if not self.outstanding:
            self.moved_at = monotonic()
        self.outstanding.append(Assignment(task, self.actor.process.remote(task)))

    def settle(self, assignment: Assignment) -> None:
        self.outstanding.remove(assignment)
        self.moved_at, self.head_audio_seconds = monotonic(), 0.0

    def forget_queued(self) -> None:
        """Keeps only what is on the device."""
        while len(self.outstanding) > 1:
            self.outstanding.pop()

    def refs(self) -> Iterator[Any]:
        """What the driver waits for: readiness first, then results."""
        if self.facts is None:
            yield self.ready_ref
        yield from (assignment.ref for assignment in self.outstanding)

    def stalled_seconds(self) -> float:
        """How long the track on the device has not got any further."""
        return monotonic() - self.moved_at if self.outstanding else 0.0

    def answers(self, timeout_seconds: float) -> bool:
        """Whether the process still talks, whatever it is busy with."""
        try:
            ray.get(self.actor.facts.remote(), timeout=timeout_seconds)
        except RayError:
            return False
        return True

    def audio_seconds(self) -> float:
        """Of the track on the device, as last heard; never waits."""
        if self.audio_ref is not None and ray.wait([self.audio_ref], timeout=0)[0]:
            with suppress(RayError):  # a dead worker is found by its results
                self._note(ray.get(self.audio_ref))
            self.audio_ref = None
        if self.audio_ref is None and self.outstanding:
            self.audio_ref = self.actor.audio_seconds.remote()
        return self.head_audio_seconds if self.outstanding else 0.0

    def _note(self, audio_seconds: float) -> None:
        if audio_seconds > self.head_audio_seconds:
            self.moved_at = monotonic()
        self.head_audio_seconds = audio_seconds

    def kill(self) -> None:
        ray.kill(self.actor, no_restart=True)
