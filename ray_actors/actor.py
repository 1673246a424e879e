"""The process around one worker, and the driver's view of it."""

import platform
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Final

import ray
from ray.exceptions import RayError

from ray_actors.attempts import worker_name
from ray_actors.messages import TrackResult, TrackTask, WorkerFactory, WorkerSettings

OUTSTANDING: Final = 3  # of a worker: one being fetched, one on the device, one being published


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker says when its network is loaded."""

    name: str
    node: str
    gpu_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """The track on the device, and how much of it is done."""

    uri: str
    audio_seconds: float


class WorkerActor:
    """Up to `OUTSTANDING` tracks are in work; `facts` and `progress` answer meanwhile."""

    def __init__(self, factory: WorkerFactory, settings: WorkerSettings) -> None:
        self._worker = factory(settings)
        self._progress: Progress | None = None

    @ray.method(concurrency_group="control")
    def facts(self) -> WorkerFacts:
        gpu_ids = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
        return WorkerFacts(worker_name(), platform.node(), tuple(map(str, gpu_ids)))

    @ray.method(concurrency_group="control")
    def progress(self) -> Progress | None:
        """None before the first track is on the device."""
        return self._progress

    def process(self, task: TrackTask) -> TrackResult:
        return self._worker.process(task, partial(self._note, task.source.uri))

    def _note(self, uri: str, audio_seconds: float) -> None:
        self._progress = Progress(uri, audio_seconds)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A task that a worker holds, and the reference that its result will come under."""

    task: TrackTask
    ref: Any


@dataclass(slots=True, eq=False)
class Slot:
    """One worker as the driver sees it; `outstanding` holds the oldest track first."""

    actor: Any
    ready_ref: Any
    started_at: float = field(default_factory=monotonic)
    facts: WorkerFacts | None = None
    outstanding: deque[Assignment] = field(default_factory=deque)
    moved_at: float = 0.0  # when the track on the device last got further
    progress_ref: Any = None
    progress: Progress | None = None  # as last heard
    is_leaving: bool = False  # gets nothing more, and ends when it is idle
    is_late: bool = False  # to be ready; that has been told

    @classmethod
    def start(
        cls, options: dict[str, Any], factory: WorkerFactory, settings: WorkerSettings
    ) -> "Slot":
        groups = {"concurrency_groups": {"control": 1}, "max_concurrency": OUTSTANDING}
        options = {**options, **groups}
        actor = ray.remote(**options)(WorkerActor).remote(factory, settings)
        return cls(actor, actor.facts.remote())

    @property
    def name(self) -> str | None:
        return self.facts.name if self.facts else None

    @property
    def node(self) -> str | None:
        """The machine; None until the worker is ready."""
        return self.facts.node if self.facts else None

    @property
    def alone(self) -> bool:
        """Holds a track that others must not share its fate with."""
        return any(assignment.task.history for assignment in self.outstanding)

    def has_room(self, outstanding: int) -> bool:
        is_open = self.facts is not None and not self.is_leaving and not self.alone
        return is_open and len(self.outstanding) < outstanding

    def assign(self, task: TrackTask) -> None:
        if not self.outstanding:
            self.moved_at = monotonic()
        self.outstanding.append(Assignment(task, self.actor.process.remote(task)))

    def settle(self, assignment: Assignment) -> None:
        self.outstanding.remove(assignment)
        self.moved_at = monotonic()

    @property
    def on_device(self) -> Assignment | None:
        """As far as is known: the oldest, where the worker has not told."""
        told = self.progress.uri if self.progress else None
        for assignment in self.outstanding:
            if assignment.task.source.uri == told:
                return assignment
        return self.outstanding[0] if self.outstanding else None

    def forget_queued(self) -> list[TrackTask]:
        """Keeps only what is on the device or behind it, being published; gives the others."""
        head, forgotten = self.on_device, []
        while self.outstanding and self.outstanding[-1] is not head:
            forgotten.append(self.outstanding.pop().task)
        return forgotten

    def leave(self) -> list[TrackTask]:
        """For good: the process may still have begun what is forgotten, and ends before it is
        done. Gives what others are to do."""
        self.is_leaving = True
        return self.forget_queued()

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
        if self.progress_ref is not None and ray.wait([self.progress_ref], timeout=0)[0]:
            with suppress(RayError):  # a dead worker is found by its results
                self._note(ray.get(self.progress_ref))
            self.progress_ref = None
        if self.progress_ref is None and self.outstanding:
            self.progress_ref = self.actor.progress.remote()
        head = self.on_device
        if head is None or self.progress is None or self.progress.uri != head.task.source.uri:
            return 0.0
        return self.progress.audio_seconds

    def _note(self, progress: Progress | None) -> None:
        if progress != self.progress:
            self.moved_at = monotonic()
        self.progress = progress

    def kill(self) -> None:
        ray.kill(self.actor, no_restart=True)
