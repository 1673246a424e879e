"""The middle of a run: tracks go to the workers, results to the count and to the table."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Final, NoReturn

from flows.claiming import CatalogGate
from flows.planning import track_tasks
from flows.preflight import Prepared
from flows.publishing import BatchPublisher
from flows.run_records import Progress, RunReport
from flows.stop_deadline import DRAIN_SECONDS, StopDeadline
from flows.tally import Brake, Tally
from lasaft_core.catalog.claims import RunClaims
from lasaft_core.catalog.plan import Plan
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import RunBrokenOff, StoreError, UsageError, WorkersUnavailable
from ray_actors.executors import open_pool
from ray_actors.messages import PoolOptions, TrackPool, TrackResult, WorkerSettings

logger = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 30.0  # at the end, for tracks that another run holds
ON_DEMAND_PATIENCE_SECONDS: Final = 600.0  # somebody waits for these very tracks
COMPACT_COMMITS: Final = 500  # of this run; each is a file
COMPACT_AGAIN_COMMITS: Final = 50  # another writer was quicker, say

OnProgress = Callable[[Progress], None]


def worker_settings(prepared: Prepared, run_id: str, flow_run_id: str | None) -> WorkerSettings:
    config = prepared.config
    return WorkerSettings(
        dest=config.dest,
        checkpoint=config.checkpoint,
        song=config.song,
        fingerprint=prepared.fingerprint,
        weights_sha256=prepared.weights_sha256,
        model_name=prepared.model_name,
        weights_licence=prepared.weights_licence,
        run_id=run_id,
        flow_run_id=flow_run_id,
        device=config.device,
        precision=config.precision,
    )


def run_pool(prepared: Prepared, run_id: str, flow_run_id: str | None) -> TrackPool:
    config = prepared.config
    options = PoolOptions(
        workers=config.workers,
        gpus_per_worker=config.gpus_per_worker,
        cpus_per_worker=config.cpus_per_worker,
        drain_seconds=DRAIN_SECONDS,
        patience_seconds=ON_DEMAND_PATIENCE_SECONDS if config.on_demand else PATIENCE_SECONDS,
    )
    return open_pool(config.executor, worker_settings(prepared, run_id, flow_run_id), options)


class Execution:
    """One plan being carried out."""

    def __init__(
        self,
        prepared: Prepared,
        plan: Plan,
        report: RunReport,
        stop: threading.Event | None,
        on_progress: OnProgress | None,
    ) -> None:
        config = prepared.config
        self._tasks = list(track_tasks(plan))
        self._tally = Tally(plan, self._tasks, report)
        self._stop = stop or threading.Event()
        self._brake = Brake(config, self._stop)
        self._deadline = StopDeadline(self._stop)
        self._table = CatalogTable.open(config.dest)
        self._table.planned_at(plan.table_version)
        self._claims = RunClaims(
            config.dest, report.run_id, on_demand=config.on_demand, alone=prepared.single_writer
        )
        self._gate = CatalogGate(self._claims, self._table, prepared.fingerprint, self._deadline)
        self._publisher = BatchPublisher(
            self._table, force=config.force == "all", on_published=self._gate.published
        )
        self._compact_at = COMPACT_COMMITS
        self._workers = min(len(self._tasks), config.workers or len(self._tasks))
        self._on_progress = on_progress

    def carry_out(self, pool: TrackPool) -> RunReport:
        """What is finished is published, however the run ends. Raises RunBrokenOff, or a UsageError
        where nothing was finished."""
        self._brake.check(self._tally)
        if self._tasks and self._brake.cause is None:
            self._claims.announce(self._workers)
            try:
                self._work(pool)
            except (StoreError, WorkersUnavailable) as error:
                self._give_up(error)
        return self._tally.report(self._brake.cause)

    def _give_up(self, error: UsageError) -> NoReturn:
        """What is lost after songs were finished is no wrong use."""
        finished = self._tally.report(None).finished
        if not finished:
            raise error
        remedy = "the next run goes on from here"
        raise RunBrokenOff(
            f"broken off after {finished} songs", got=error, remedy=remedy
        ) from error

    def _work(self, pool: TrackPool) -> None:
        brake = self._brake
        running = pool.run(
            self._tasks, stop=brake.halt, enough=brake.enough, on_tick=self._tick, gate=self._gate
        )
        try:
            with closing(running) as results:
                for result in results:
                    self._take(result)
        except StoreError as error:
            self._brake.check(self._tally)
            if self._brake.cause != "cancelled":
                raise
            logger.warning("cut off: %s", error)
        finally:
            self._tally.leave(self._gate.done_elsewhere, self._gate.passed_over)
            self._brake.check(self._tally)
            self._finish()

    def _finish(self) -> None:
        """A run that was cancelled must end, also where the store is away."""
        try:
            self._deadline.within(self._close)
            self._compact()
            self._vacuum()
        except StoreError as error:
            self._brake.check(self._tally)
            if self._brake.cause != "cancelled":
                raise
            self._tally.lack(self._publisher.waiting)
            logger.warning("rows=%d not published: %s", self._publisher.waiting, error)
        finally:
            self._claims.stop_renewing()

    def _close(self) -> None:
        self._publisher.flush_all(self._stop)
        self._claims.close()

    def _compact(self) -> None:
        """Many small files make slow readers and dear commits; what does not come off is the next
        one's turn, and the next run's at the end."""
        commits = self._publisher.commits
        try:
            is_compacted = self._deadline.within(self._table.compact)
        except StoreError as error:  # the run has to end
            logger.warning("catalog not compacted: %s", error)
            is_compacted = False
        self._compact_at = commits + (COMPACT_COMMITS if is_compacted else COMPACT_AGAIN_COMMITS)

    def _vacuum(self) -> None:
        """What nobody reads any more; the last commits of a run, since other writers then look at
        the whole table again."""
        try:
            self._deadline.within(self._table.vacuum)
        except StoreError as error:  # the run has to end
            logger.warning("catalog not vacuumed: %s", error)

    def _take(self, result: TrackResult) -> None:
        self._tally.add(result)
        self._publisher.add(result)
        self._publish_if_due()
        self._brake.check(self._tally)
        _log(result)

    def _publish_if_due(self) -> None:
        eager = self._gate.others_wait
        if self._publisher.is_due(eager=eager):
            self._deadline.within(self._publisher.flush_patiently)
            if self._publisher.commits >= self._compact_at:
                self._compact()

    def _tick(self, audio_seconds_under_way: float) -> None:
        self._deadline.look()
        self._publish_if_due()
        self._tally.leave(self._gate.done_elsewhere, self._gate.passed_over)
        if self._on_progress is not None:
            self._on_progress(self._tally.progress(audio_seconds_under_way))
        self._brake.check(self._tally)  # last: a listener may have asked to stop


def _log(result: TrackResult) -> None:
    row = result.row
    level = logging.INFO if row.status == "done" else logging.WARNING
    logger.log(
        level,
        "track=%s status=%s reason=%s audio_seconds=%.1f windows=%d adopted=%s message=%s",
        row.source_uri,
        row.status,
        row.reason,
        result.audio_seconds,
        result.windows,
        result.adopted,
        row.error_message,
    )
