"""Tracks in this very process, one after another: the whole pipeline without Ray."""

from collections.abc import Generator, Sequence
from threading import Event
from typing import Final

from lasaft_core.storage import patient_for
from ray_actors.backlog import Backlog
from ray_actors.messages import (
    Gate,
    OnTick,
    OpenGate,
    PoolOptions,
    TrackResult,
    TrackTask,
    WorkerFactory,
    WorkerSettings,
)
from ray_actors.worker import SeparatorWorker

POLL_SECONDS: Final = 1.0
BATCH: Final = 4  # tracks that are asked for at once


class _Stopped(BaseException):
    """Leaves a track half done; not an Exception, so that it is not taken for the track's fault."""


class InlinePool:
    """A `TrackPool` of one worker; `stop` drops the track under way, as a killed worker would."""

    def __init__(
        self,
        settings: WorkerSettings,
        options: PoolOptions,
        factory: WorkerFactory = SeparatorWorker,
    ) -> None:
        self._settings, self._options, self._factory = settings, options, factory

    def run(
        self,
        tasks: Sequence[TrackTask],
        *,
        stop: Event,
        enough: Event | None = None,
        on_tick: OnTick | None = None,
        gate: Gate | None = None,
    ) -> Generator[TrackResult, None, None]:
        if not tasks:
            return
        gate, enough = gate or OpenGate(), enough or Event()
        patience_seconds = self._options.patience_seconds
        backlog = Backlog(tasks, gate, batch=BATCH, patience_seconds=patience_seconds)
        worker = self._factory(self._settings)

        def tick(audio_seconds: float) -> None:
            try:
                _tell(on_tick, audio_seconds)
            except Exception as error:
                raise _Stopped from error
            if stop.is_set():
                raise _Stopped

        while not (stop.is_set() or enough.is_set()) and backlog:
            if gate.workers_wanted:
                backlog.give_back()
            task = None if gate.workers_wanted else backlog.take(idle=True)
            if task is None:
                stop.wait(POLL_SECONDS)  # another run goes first, or has all that is left
                _tell(on_tick)
                continue
            try:
                with patient_for(stop=stop):
                    result = worker.process(task, tick)
            except _Stopped as stopped:
                if stopped.__cause__ is not None:
                    raise stopped.__cause__  # noqa: B904  the listener's own error
                return
            backlog.finished(task, done=result.row.status == "done")
            yield result
            _tell(on_tick)


def _tell(on_tick: OnTick | None, audio_seconds: float = 0.0) -> None:
    if on_tick is not None:
        on_tick(audio_seconds)
