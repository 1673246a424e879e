"""Memory of the Ray workers below this process that hold a network, sampled while they work."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from os import getpid, sysconf
from pathlib import Path
from threading import Event, Thread

import numpy as np

SAMPLE_SECONDS, QUARTERS = 0.25, 4
MEGA = 1 << 20


@dataclass
class MemoryWatch:
    """Resident bytes by process, over time."""

    samples: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    over: Event = field(default_factory=Event)

    def __enter__(self):
        self._thread = Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self._thread.join()

    def quarters(self, since):
        """Peak MB of the largest worker in each quarter of its time after `since`."""
        peaks = []
        for samples in self.samples.values():
            rss = np.array([size for at, size in samples if at >= since])
            peaks.append([part.max() / MEGA for part in np.array_split(rss, QUARTERS)])
        return np.max(peaks, axis=0)

    def _run(self):
        while not self.over.wait(SAMPLE_SECONDS):
            for process in workers_of(getpid()):
                with suppress(OSError):  # it has ended meanwhile
                    self.samples.setdefault(process, []).append((time.monotonic(), rss(process)))


def rss(process):
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * sysconf("SC_PAGE_SIZE")


def workers_of(ancestor):
    parents, workers = {}, []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(status[1])
                if b"WorkerActor" in (entry / "cmdline").read_bytes():
                    workers.append(int(entry.name))
    return [worker for worker in workers if ancestor in _line_of(worker, parents)]


def _line_of(process, parents):
    while process in parents:
        process = parents[process]
        yield process
