"""Between the backlog and the workers: tracks that other runs hold or have done stay away.

A track is claimed just before it is handed out, so that a run that comes later, or goes first,
finds all that this one has not begun. The claim comes before the look at the table: whoever had the
claim before had published by then, or had not done the track.
"""

import logging
from collections.abc import Iterable, Sequence
from threading import Event

from flows.stop_deadline import StopDeadline
from lasaft_core.catalog.claims import RunClaims, claim_key
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import StoreError
from ray_actors.messages import Admission, TrackTask

logger = logging.getLogger(__name__)


class CatalogGate:
    """The gate of one run; counts what is left to others."""

    def __init__(
        self,
        claims: RunClaims,
        table: CatalogTable,
        fingerprint: str,
        deadline: StopDeadline | None = None,
    ) -> None:
        self._claims, self._table, self._fingerprint = claims, table, fingerprint
        self._deadline = deadline or StopDeadline(Event())
        self.done_elsewhere: list[TrackTask] = []
        self.passed_over: list[TrackTask] = []
        self._is_waiting = False

    @property
    def workers_wanted(self) -> int:
        return self._claims.workers_wanted

    @property
    def others_at_work(self) -> bool:
        return bool(self._claims.others)

    @property
    def others_wait(self) -> bool:
        """For this run's rows, probably: it waits for theirs itself, or they go first."""
        return self._is_waiting or self._claims.workers_wanted > 0

    def admit(self, tasks: Sequence[TrackTask]) -> Admission:
        try:
            return self._deadline.within(lambda: self._admitted(tasks))
        except StoreError as error:  # the run has to end
            logger.warning("tracks=%d not handed out: %s", len(tasks), error)
            return Admission(held=tuple(tasks))

    def _admitted(self, tasks: Sequence[TrackTask]) -> Admission:
        mine = self._claims.claim(map(self._key, tasks))
        done = self._done_meanwhile(tasks)
        left = [task for task in tasks if task.source.uri not in done]
        self._is_waiting = bool(left) and not any(self._key(task) in mine for task in left)
        finished = [task for task in tasks if task.source.uri in done]
        self._claims.release(map(self._key, finished))
        self.done_elsewhere += finished
        return Admission(
            granted=tuple(task for task in left if self._key(task) in mine),
            held=tuple(task for task in left if self._key(task) not in mine),
            done=tuple(finished),
        )

    def give_back(self, tasks: Sequence[TrackTask]) -> None:
        """At once, since somebody waits for them."""
        self._claims.release(map(self._key, tasks))
        self._claims.renew()

    def pass_over(self, tasks: Sequence[TrackTask]) -> None:
        for task in tasks:
            logger.info("track=%s passed_over=yes reason=held_by_another_run", task.source.uri)
        self.passed_over += tasks

    def published(self, rows: Iterable[TrackRow]) -> None:
        self._claims.release(claim_key(row.source_uri, self._fingerprint) for row in rows)
        if self._claims.others:
            self._claims.renew()

    def _key(self, task: TrackTask) -> str:
        return claim_key(task.source.uri, self._fingerprint)

    def _done_meanwhile(self, tasks: Sequence[TrackTask]) -> set[str]:
        """Their URIs. A table that can't be read now drops them when they are published."""
        etags = {
            (task.source.uri, self._fingerprint): task.source.etag
            for task in tasks
            if not task.forced
        }
        try:
            return {uri for uri, _ in self._table.done_meanwhile(etags)}
        except StoreError as error:
            logger.warning("done_meanwhile=unknown error=%s", error)
            return set()
