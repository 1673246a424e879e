"""Workers that do what their track's name says, so that every way to fail can be had."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from lasaft_core.catalog.rows import TrackRow
from lasaft_core.storage import ObjectStat
from ray_actors.attempts import base_row, describe
from ray_actors.messages import Admission, OnTick, TrackResult, TrackTask, WorkerSettings
from tests.waiting import eventually


def track(name: str, *, seconds: float = 1.0, group: str | None = None) -> TrackTask:
    """A task whose behaviour is the first word of its name."""
    source = ObjectStat(f"file:///{name}", size=1000, etag=name, mtime=None)
    return TrackTask(source, "new", audio_seconds_estimate=seconds, group=group)


def name_of(result: TrackResult) -> str:
    return result.row.source_uri.removeprefix("file:///")


def rows_by_name(results: list[TrackResult]) -> dict[str, TrackRow]:
    return {name_of(result): result.row for result in results}


def place_of(settings: WorkerSettings, suffix: str) -> Path:
    """Of a file by which the workers and their test talk."""
    return Path(settings.dest.removeprefix("file://")).with_suffix(suffix)


class FakeWorker:
    """`die` kills its process (`die_once`, `die_twice`: so often), `hang` never ends, `await` ends
    once the test lets it, `raise` breaks, `fail` fails, others skip."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.diary = place_of(settings, ".diary")
        self.go = place_of(settings, ".go")
        self.device = Lock()

    def note(self, text: str) -> None:
        with self.diary.open("a") as diary:
            diary.write(f"{os.getpid()} {text}\n")

    def process(self, task: TrackTask, on_audio: OnTick | None = None) -> TrackResult:
        if "/die_ahead" in task.source.uri:
            os._exit(1)
        with self.device:
            if on_audio:
                on_audio(0.0)
            return self._on_device(task, on_audio)

    def _on_device(self, task: TrackTask, on_audio: OnTick | None) -> TrackResult:
        name = task.source.uri.removeprefix("file:///")
        self.note(f"begin {name}{' frugally' if task.is_frugal else ''}")
        word = name.split("-")[0]
        losses = {"die": 99, "die_once": 1, "die_twice": 2}.get(word, 0)
        if len(task.history) < losses:
            os._exit(1)
        if word == "hang":
            time.sleep(600)
        if word == "slow":
            time.sleep(0.5)
        if word == "await":
            eventually(self.go.exists)
        if word == "creep":
            self._creep(int(name.split("-")[1]), on_audio)
        if word == "raise":
            raise RuntimeError("the worker itself is broken")
        self.note(f"end {name}")
        row = base_row(task, self.settings, **self._outcome(word))
        return TrackResult(row=row, windows=1, audio_seconds=task.audio_seconds_estimate)

    def _creep(self, steps: int, on_audio: OnTick | None) -> None:
        """Slow, yet it gets further all the time."""
        for step in range(1, steps + 1):
            time.sleep(0.1)
            if on_audio:
                on_audio(float(step))

    def _outcome(self, word: str) -> dict[str, str]:
        if word == "fail":
            return describe(ValueError("as it was told"))
        return {"status": "skipped", "reason": str(self.settings.threads)}


class NeverStarts:
    """A worker whose network can't be loaded."""

    def __init__(self, settings: WorkerSettings) -> None:
        raise ValueError("the checkpoint is a picture of a cat")


class StartsOnce:
    """The first worker of a pool starts, the others don't."""

    def __init__(self, settings: WorkerSettings) -> None:
        os.close(os.open(place_of(settings, ".lock"), os.O_CREAT | os.O_EXCL))
        self._fake = FakeWorker(settings)

    def process(self, task: TrackTask, on_audio: OnTick | None = None) -> TrackResult:
        return self._fake.process(task, on_audio)


class ScriptedGate:
    """Another run that holds the tracks named in `held` and has done those in `done`."""

    def __init__(self, *, held: tuple[str, ...] = (), done: tuple[str, ...] = ()) -> None:
        self.held, self.done = set(held), set(done)
        self.workers_wanted, self.others_at_work = 0, False
        self.asked: list[list[str]] = []
        self.passed_over: list[str] = []
        self.given_back: list[str] = []

    def admit(self, tasks: Sequence[TrackTask]) -> Admission:
        self.asked.append([_name(task) for task in tasks])
        taken = self.held | self.done
        return Admission(
            granted=tuple(task for task in tasks if _name(task) not in taken),
            held=tuple(task for task in tasks if _name(task) in self.held),
            done=tuple(task for task in tasks if _name(task) in self.done),
        )

    def give_back(self, tasks: Sequence[TrackTask]) -> None:
        self.given_back += map(_name, tasks)

    def pass_over(self, tasks: Sequence[TrackTask]) -> None:
        self.passed_over += map(_name, tasks)


def _name(task: TrackTask) -> str:
    return task.source.uri.removeprefix("file:///")
