"""A run's running count, and what makes it stop before its plan is done."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from time import monotonic
from typing import Final

from flows.run_records import Failure, Progress, RunConfig, RunReport, StopCause
from lasaft_core.catalog.plan import Plan
from ray_actors.messages import TrackResult, TrackTask

MAX_FAILURES_LISTED: Final = 1000  # the table has them all
WORST_FIRST: Final = ("quarantined", "failed", "skipped")
BRAKE_TRACKS: Final = 20  # no rate is taken seriously before
BRAKE_RATE: Final = 0.5  # more than half going wrong is no matter of single songs
SECONDS_PER_HOUR: Final = 3600.0


class Tally:
    """Counts results; its report can be asked for at any time."""

    def __init__(self, plan: Plan, tasks: list[TrackTask], report: RunReport) -> None:
        self._started = monotonic()
        self._report = replace(report, planned=plan.counts)
        self._estimates = {task.source.uri: task.audio_seconds_estimate for task in tasks}
        self._retries = {task.source.uri for task in tasks if task.action == "retry"}
        self._audio_seconds_total = sum(self._estimates.values())
        self.planned_tracks = len(tasks)
        self._failures: dict[str, list[Failure]] = {status: [] for status in WORST_FIRST}
        self._reasons: Counter[str] = Counter()
        self.first_tries = self.first_failures = 0

    @property
    def elapsed_seconds(self) -> float:
        return monotonic() - self._started

    def add(self, result: TrackResult) -> None:
        row, report = result.row, self._report
        self._report = replace(
            report,
            **{row.status: getattr(report, row.status) + 1},
            adopted=report.adopted + result.adopted,
            windows=report.windows + result.windows,
            source_bytes_read=report.source_bytes_read + result.source_bytes_read,
            audio_seconds=report.audio_seconds + result.audio_seconds,
        )
        actual = result.audio_seconds if row.status == "done" else 0.0
        self._audio_seconds_total += actual - self._estimates.get(row.source_uri, 0.0)
        self._count_failure(result)

    def _count_failure(self, result: TrackResult) -> None:
        row = result.row
        if row.source_uri not in self._retries:
            self.first_tries += 1
            self.first_failures += row.status in ("failed", "quarantined")
        if row.status != "done":
            self._list(
                Failure(row.source_uri, row.status, row.reason or "", row.error_message or "")
            )

    def _list(self, failure: Failure) -> None:
        """Many of one kind must not hide those of another."""
        self._reasons[failure.reason] += 1
        if len(self._failures[failure.status]) < MAX_FAILURES_LISTED:
            self._failures[failure.status].append(failure)

    def leave(self, done_elsewhere: Sequence[TrackTask], passed_over: Sequence[TrackTask]) -> None:
        """What other runs take off this one, in all so far."""
        self._report = replace(
            self._report, done_elsewhere=len(done_elsewhere), passed_over=len(passed_over)
        )
        for task in (*done_elsewhere, *passed_over):
            self._audio_seconds_total -= self._estimates.pop(task.source.uri, 0.0)

    def lack(self, unpublished: int) -> None:
        self._report = replace(self._report, unpublished=unpublished)

    def progress(self, audio_seconds_under_way: float) -> Progress:
        report = self._report
        return Progress(
            tracks_done=report.finished,
            tracks_total=len(self._estimates),
            audio_seconds_done=report.audio_seconds + audio_seconds_under_way,
            audio_seconds_total=self._audio_seconds_total,
            failed=report.failed + report.quarantined,
            elapsed_seconds=self.elapsed_seconds,
        )

    def report(self, stopped: StopCause | None) -> RunReport:
        return replace(
            self._report,
            failures=tuple(chain(*self._failures.values()))[:MAX_FAILURES_LISTED],
            reasons=dict(self._reasons.most_common()),
            stopped=stopped,
            elapsed_seconds=self.elapsed_seconds,
        )


@dataclass(slots=True)
class Brake:
    """Sets `halt` when the caller or the failures say so, `enough` when the clock does, and
    remembers which: a run that is out of hours finishes what it has begun, and can be cancelled.

    Failures of tracks that had failed before are left out: a catalog's broken files, tried again
    every night, are no sign that tonight goes wrong. Nothing is judged by a few tracks, and an
    allowed rate only ends a run that can't come back under it.
    """

    config: RunConfig
    stop: threading.Event
    halt: threading.Event = field(default_factory=threading.Event)
    enough: threading.Event = field(default_factory=threading.Event)
    cause: StopCause | None = None

    def check(self, tally: Tally) -> None:
        if self.cause in (None, "max_hours"):
            self.cause = self._cause(tally)
        if self.cause == "max_hours":
            self.enough.set()
        elif self.cause is not None:
            self.halt.set()

    def _cause(self, tally: Tally) -> StopCause | None:
        if self.stop.is_set():
            return "cancelled"
        hours = self.config.max_hours
        if hours is not None and tally.elapsed_seconds > hours * SECONDS_PER_HOUR:
            return "max_hours"
        return "failure_rate" if self._goes_wrong(tally) else None

    def _goes_wrong(self, tally: Tally) -> bool:
        if tally.first_tries < BRAKE_TRACKS:
            return False
        allowed, failures = self.config.max_failure_rate, tally.first_failures
        is_hopeless = allowed > 0 and failures / tally.planned_tracks > allowed
        is_runaway = allowed <= BRAKE_RATE and failures / tally.first_tries > BRAKE_RATE
        return is_hopeless or is_runaway
