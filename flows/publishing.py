"""Finished tracks' rows, committed in batches: the run's only writer of the table.

A row is a promise that its stems are there. One that comes late, from a worker that everybody took
for dead or a machine that was asleep, may have lost its attempt to a repair meanwhile: what was
last known whole a while ago is looked at again once it is committed, and withdrawn if it is gone.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Event
from time import monotonic
from typing import Final, Protocol

from lasaft_core.catalog.orphans import SETTLE_SECONDS
from lasaft_core.catalog.publication import TRACK_JSON
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.errors import StoreError, TrackError
from lasaft_core.storage import exists, join
from ray_actors.messages import TrackResult

logger = logging.getLogger(__name__)

BATCH_TRACKS: Final = 50
BATCH_SECONDS: Final = 30.0
MAX_REFUSALS: Final = 20  # one after another, a batch time apart
LATE_SECONDS: Final = SETTLE_SECONDS / 2  # the other half is for clocks that differ


class RowSink(Protocol):
    """What is needed of a catalog table."""

    def publish(self, rows: list[TrackRow], *, force: bool = False) -> int: ...

    def withdraw(self, rows: list[TrackRow]) -> int: ...


class BatchPublisher:
    """Keeps rows back until there are enough of them, or the oldest has waited long enough."""

    def __init__(
        self,
        table: RowSink,
        *,
        force: bool,
        batch_tracks: int = BATCH_TRACKS,
        batch_seconds: float = BATCH_SECONDS,
        on_published: Callable[[Iterable[TrackRow]], None] = lambda _: None,
    ) -> None:
        self._table, self._force, self._on_published = table, force, on_published
        self._batch_tracks, self._batch_seconds = batch_tracks, batch_seconds
        self._results: list[TrackResult] = []
        self._oldest_at = 0.0
        self._refusals = 0
        self.commits = 0

    @property
    def waiting(self) -> int:
        """Rows that are not published yet."""
        return len(self._results)

    def add(self, result: TrackResult) -> None:
        if not self._results:
            self._oldest_at = monotonic()
        self._results.append(result)

    def is_due(self, *, eager: bool = False) -> bool:
        """`eager`: somebody waits for the rows."""
        waited = monotonic() - self._oldest_at
        full = (eager or len(self._results) >= self._batch_tracks) and not self._refusals
        return bool(self._results) and (full or waited >= self._batch_seconds)

    def flush_patiently(self) -> None:
        """A store that is down for a while costs no run: its rows wait for the next batch time."""
        try:
            self.flush()
        except StoreError as error:
            self._refusals += 1
            if self._refusals >= MAX_REFUSALS:
                raise
            self._oldest_at = monotonic()
            logger.warning("rows=%d not published yet: %s", len(self._results), error)

    def flush_all(self, stop: Event) -> None:
        """As patiently, a batch time apart; once `stop` is set, whatever the next try gives."""
        while self._results and not stop.is_set():
            self.flush_patiently()
            if self._results:
                stop.wait(self._batch_seconds)
        self.flush()

    def flush(self) -> None:
        """Rows stay in the batch when their commit fails, so that a later flush tries again."""
        if not self._results:
            return
        rows = [result.row for result in self._results]
        committed = self._table.publish(rows, force=self._force)
        self.commits += 1
        logger.info("published rows=%d committed=%d", len(rows), committed)
        self._withdraw_lost()
        self._results.clear()
        self._refusals = 0
        self._on_published(rows)

    def _withdraw_lost(self) -> None:
        now = time.time()
        late = [result.row for result in self._results if now - result.whole_at > LATE_SECONDS]
        lost = [_withdrawn(row) for row in late if row.stems and not _is_whole(row)]
        if lost:
            logger.warning("rows=%d withdrawn reason=stems_lost", self._table.withdraw(lost))


def _is_whole(row: TrackRow) -> bool:
    """Whoever removes an attempt begins with its description."""
    try:
        return exists(join(row.stems[0].uri.rpartition("/")[0], TRACK_JSON))
    except TrackError as error:
        raise StoreError(f"can't confirm the stems of {row.source_uri}", got=error) from error


def _withdrawn(row: TrackRow) -> TrackRow:
    return replace(
        row,
        status="failed",
        reason="stems_lost",
        error_type="PublicationMismatch",
        error_message="the stems were removed before their row was published",
        stage="upload",
    )
