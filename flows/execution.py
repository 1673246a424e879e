"""The middle of a run: tracks go to the workers, results to the count and to the table."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing

from flows.planning import track_tasks
from flows.preflight import Prepared
from flows.publishing import BatchPublisher
from flows.run_records import Progress, RunReport
from flows.tally import Brake, Tally
from lasaft_core.catalog.plan import Plan
from lasaft_core.catalog.table import CatalogTable
from ray_actors.executors import open_pool
from ray_actors.messages import PoolOptions, TrackPool, TrackResult, WorkerSettings

logger = logging.getLogger(__name__)

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
    options = PoolOptions(workers=config.workers, gpus_per_worker=config.gpus_per_worker)
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
        self._brake = Brake(config, stop or threading.Event())
        self._table = CatalogTable.open(config.dest)
        self._publisher = BatchPublisher(self._table, force=config.force == "all")
        self._on_progress = on_progress

    def carry_out(self, pool: TrackPool) -> RunReport:
        """What is finished is published, however the run ends."""
        self._brake.check(self._tally)
        running = pool.run(self._tasks, stop=self._brake.halt, on_tick=self._tick)
        try:
            with closing(running) as results:
                for result in results:
                    self._take(result)
        finally:
            self._publisher.flush()
        self._table.compact()  # many small commits make slow readers
        return self._tally.report(self._brake.cause)

    def _take(self, result: TrackResult) -> None:
        self._tally.add(result)
        self._publisher.add(result.row)
        self._brake.check(self._tally)
        _log(result)

    def _tick(self, audio_seconds_under_way: float) -> None:
        self._publisher.flush_if_due()
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
