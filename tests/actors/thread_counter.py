"""How many threads a worker computes with, libraries' pools included."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import scipy.signal  # noqa: F401  starts the pool of its OpenBLAS, which the meters never use
import torch

from ray_actors.messages import OnTick, TrackResult, TrackTask, WorkerSettings
from ray_actors.worker import SeparatorWorker
from tests.waiting import eventually


class ThreadCounter:
    """The real worker; `windows` of a result says how many threads it may compute with."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._worker = SeparatorWorker(settings)

    def process(self, task: TrackTask, on_audio: OnTick | None = None) -> TrackResult:
        result = self._worker.process(task, on_audio)
        assert result.row.status == "done", result.row.error_message
        return replace(result, windows=torch.get_num_threads())


def foreign_threads() -> int:
    """Of this process, those that are not Python's own."""
    return len(list(Path("/proc/self/task").iterdir())) - threading.active_count()


def foreign_threads_left(expected: int) -> int:
    """Those that stay: a thread that has ended takes a moment to go."""
    return eventually(foreign_threads, lambda count: count <= expected, seconds=30)


def threads_of_pools(settings: WorkerSettings, tasks: list[TrackTask]) -> int:
    """What computing leaves behind where each task comes from a thread of its own."""
    torch.set_num_threads(settings.threads)  # its other pool, for mobile kernels, starts here
    before = foreign_threads()
    worker = SeparatorWorker(settings)
    with ThreadPoolExecutor(len(tasks)) as callers:
        results = list(callers.map(worker.process, tasks))
        assert {result.row.status for result in results} == {"done"}
        return foreign_threads_left(before + settings.threads - 1) - before
