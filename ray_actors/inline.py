"""Tracks in this very process, one after another: the whole pipeline without Ray."""

from collections.abc import Generator, Sequence
from threading import Event

from ray_actors.backlog import Backlog
from ray_actors.messages import (
    OnTick,
    PoolOptions,
    TrackResult,
    TrackTask,
    WorkerFactory,
    WorkerSettings,
)
from ray_actors.worker import SeparatorWorker


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
        self, tasks: Sequence[TrackTask], *, stop: Event, on_tick: OnTick | None = None
    ) -> Generator[TrackResult, None, None]:
        if not tasks:
            return
        backlog, worker = Backlog(tasks), self._factory(self._settings)

        def tick(audio_seconds: float) -> None:
            if on_tick is not None:
                on_tick(audio_seconds)
            if stop.is_set():
                raise _Stopped

        while not stop.is_set() and (task := backlog.take(idle=True)):
            try:
                result = worker.process(task, tick)
            except _Stopped:
                return
            backlog.finished(task, done=result.row.status == "done")
            yield result
            if on_tick is not None:
                on_tick(0.0)
