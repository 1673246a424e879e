"""Finished tracks' rows, committed in batches: the run's only writer of the table."""

import logging
from time import monotonic
from typing import Final, Protocol

from lasaft_core.catalog.rows import TrackRow
from lasaft_core.errors import StoreError

logger = logging.getLogger(__name__)

BATCH_TRACKS: Final = 50
BATCH_SECONDS: Final = 30.0
MAX_REFUSALS: Final = 20  # one after another, a batch time apart


class RowSink(Protocol):
    """What is needed of a catalog table."""

    def publish(self, rows: list[TrackRow], *, force: bool = False) -> int: ...


class BatchPublisher:
    """Keeps rows back until there are enough of them, or the oldest has waited long enough."""

    def __init__(
        self,
        table: RowSink,
        *,
        force: bool,
        batch_tracks: int = BATCH_TRACKS,
        batch_seconds: float = BATCH_SECONDS,
    ) -> None:
        self._table, self._force = table, force
        self._batch_tracks, self._batch_seconds = batch_tracks, batch_seconds
        self._rows: list[TrackRow] = []
        self._oldest_at = 0.0
        self._refusals = 0

    def add(self, row: TrackRow) -> None:
        if not self._rows:
            self._oldest_at = monotonic()
        self._rows.append(row)
        self.flush_if_due()

    def flush_if_due(self) -> None:
        """A store that is down for a while costs no run: its rows wait for the next batch time."""
        waited = monotonic() - self._oldest_at
        full = len(self._rows) >= self._batch_tracks and not self._refusals
        if full or waited >= self._batch_seconds:
            try:
                self.flush()
            except StoreError as error:
                self._refusals += 1
                if self._refusals >= MAX_REFUSALS:
                    raise
                self._oldest_at = monotonic()
                logger.warning("rows=%d not published yet: %s", len(self._rows), error)

    def flush(self) -> None:
        """Rows stay in the batch when their commit fails, so that a later flush tries again."""
        if not self._rows:
            return
        committed = self._table.publish(list(self._rows), force=self._force)
        logger.info("published rows=%d committed=%d", len(self._rows), committed)
        self._rows.clear()
        self._refusals = 0
