"""What passes between the driver and its workers: small records, never audio."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from lasaft_core.catalog.rows import AttemptRow, TrackRow
from lasaft_core.song import SongOptions
from lasaft_core.storage import ObjectStat

FRUGAL_AFTER_LOSSES = 2
OnTick = Callable[[float], None]  # audio seconds done inside the tracks that are under way


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything a worker needs beside its tracks. `environment` may hold credentials."""

    dest: str
    checkpoint: str
    song: SongOptions
    fingerprint: str
    weights_sha256: str
    model_name: str
    weights_licence: str | None
    run_id: str
    flow_run_id: str | None = None
    device: str = "auto"
    precision: str = "float32"
    threads: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class TrackTask:
    """One object to separate; `history` holds the attempts of this run that were lost: after the
    first it runs alone, after the second also with the smallest batch.

    Tasks of one `group` may be the same bytes: one leads, the others wait and adopt its stems.
    """

    source: ObjectStat
    action: str
    audio_seconds_estimate: float
    group: str | None = None
    forced: bool = False
    history: tuple[AttemptRow, ...] = ()

    @property
    def attempt(self) -> int:
        return len(self.history) + 1

    @property
    def is_frugal(self) -> bool:
        """To be separated one window at a time."""
        return len(self.history) >= FRUGAL_AFTER_LOSSES


@dataclass(frozen=True, slots=True)
class TrackResult:
    """A track's row and what it cost. `adopted`: stems that were there already were taken over.

    `whole_at`: seconds since 1970 at which the stems were certainly whole in the store.
    """

    row: TrackRow
    windows: int = 0
    source_bytes_read: int = 0
    audio_seconds: float = 0.0
    adopted: bool = False
    whole_at: float = 0.0


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How many workers, and how long the driver waits for what.

    A track may stand still for `deadline_base_seconds` and `deadline_factor` times its estimated
    audio seconds. `max_losses` workers may die under a track before it is quarantined. For tracks
    that another run holds there is `patience_seconds` when nothing else is left to do.

    With no worker ready, one may take `start_seconds` to be; `room_seconds` where room may yet
    come: another run first finishes what is on its devices, Ray adds nodes for `cpus_per_worker`.
    """

    workers: int | None = None
    gpus_per_worker: float = 0.0
    cpus_per_worker: float | None = None
    start_seconds: float = 300.0
    room_seconds: float = 3600.0
    deadline_base_seconds: float = 900.0
    deadline_factor: float = 20.0
    drain_seconds: float = 15.0  # a run that is told to stop has 30 s for all that it still does
    max_losses: int = 3
    patience_seconds: float = 30.0

    def deadline_seconds(self, task: TrackTask) -> float:
        return self.deadline_base_seconds + self.deadline_factor * task.audio_seconds_estimate


class TrackWorker(Protocol):
    """Does one track at a time; never raises for a fault of the track."""

    def process(self, task: TrackTask, on_audio: OnTick | None = None) -> TrackResult: ...


WorkerFactory = Callable[[WorkerSettings], TrackWorker]


@dataclass(frozen=True, slots=True)
class Admission:
    """What may be worked on now, what another run holds, and what one has done meanwhile."""

    granted: tuple[TrackTask, ...] = ()
    held: tuple[TrackTask, ...] = ()
    done: tuple[TrackTask, ...] = ()


class Gate(Protocol):
    """Stands between the backlog and the workers where several runs share a catalog."""

    def admit(self, tasks: Sequence[TrackTask]) -> Admission: ...

    def give_back(self, tasks: Sequence[TrackTask]) -> None:
        """These were granted, but are not begun."""

    def pass_over(self, tasks: Sequence[TrackTask]) -> None:
        """These are left to the run that holds them."""

    @property
    def workers_wanted(self) -> int:
        """How many workers others need before this run does."""
        ...

    @property
    def others_at_work(self) -> bool:
        """Other runs are under way, maybe on the same machines."""
        ...


class OpenGate:
    """No other run, everything may be worked on."""

    workers_wanted = 0
    others_at_work = False

    def admit(self, tasks: Sequence[TrackTask]) -> Admission:
        return Admission(granted=tuple(tasks))

    def give_back(self, tasks: Sequence[TrackTask]) -> None:
        pass

    def pass_over(self, tasks: Sequence[TrackTask]) -> None:
        pass


class TrackPool(Protocol):
    """Runs tasks on workers; both executors have this interface.

    From `enough` on no task is begun any more, and those under way are finished, whatever they
    take; `stop` cuts them off.

    `on_tick` is called in the caller's thread, at least about once a second where workers are
    other processes, so that batches can be flushed and limits checked between results.
    """

    def run(
        self,
        tasks: Sequence[TrackTask],
        *,
        stop: Event,
        enough: Event | None = None,
        on_tick: OnTick | None = None,
        gate: Gate | None = None,
    ) -> Generator[TrackResult, None, None]: ...
