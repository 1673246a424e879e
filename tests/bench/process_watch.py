"""Memory and processor time of a run's processes, which are all below this one, over time."""

import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from os import getpid, sysconf
from pathlib import Path
from threading import Event, Thread

import numpy as np

SAMPLE_SECONDS, QUARTERS = 0.25, 4
MEGA = 1 << 20
KINDS = {b"WorkerActor": "workers", b"weed": "store"}
OURS, OTHERS = "driver", "Ray"


@dataclass(frozen=True)
class Sample:
    at: float
    resident_bytes: int
    processor_seconds: float


@dataclass
class ProcessWatch:
    """Samples by kind of process and process."""

    samples: dict[str, dict[int, list[Sample]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
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
        for samples in self.samples["workers"].values():
            resident = np.array([s.resident_bytes for s in samples if s.at >= since])
            peaks.append([part.max() / MEGA for part in np.array_split(resident, QUARTERS)])
        return np.max(peaks, axis=0)

    def processor_seconds(self, since):
        """By kind of process, after `since`."""
        spent = {}
        for kind, processes in self.samples.items():
            times = [
                [s.processor_seconds for s in samples if s.at >= since] or [0.0]
                for samples in processes.values()
            ]
            spent[kind] = sum(seconds[-1] - seconds[0] for seconds in times)
        return spent

    def _run(self):
        while not self.over.wait(SAMPLE_SECONDS):
            for process in family(getpid()):
                with suppress(OSError):  # it has ended meanwhile
                    self.samples[kind(process)][process].append(sample(process))


def sample(process):
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    ticks = sum(map(int, stat(process)[11:13]))  # utime and stime of proc(5)
    return Sample(time.monotonic(), pages * sysconf("SC_PAGE_SIZE"), ticks / sysconf("SC_CLK_TCK"))


def kind(process):
    if process == getpid():
        return OURS
    command = Path(f"/proc/{process}/cmdline").read_bytes()
    return next((name for mark, name in KINDS.items() if mark in command), OTHERS)


def family(ancestor):
    """The process and all that descend from it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents[int(entry.name)] = int(stat(entry.name)[1])
    return [process for process in parents if ancestor in _line_of(process, parents)]


def stat(process):
    """Fields of proc(5)'s stat from the third, the state, on."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _line_of(process, parents):
    yield process
    while process in parents:
        process = parents[process]
        yield process
