"""Tracks on Ray workers: the cluster, the number of workers and the driver loop put together."""

import logging
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from threading import Event

from ray_actors.cluster import node_resources, ray_cluster
from ray_actors.credentials import forwarded_environment
from ray_actors.driver import DriverLoop
from ray_actors.messages import (
    Gate,
    OnTick,
    PoolOptions,
    TrackResult,
    TrackTask,
    WorkerFactory,
    WorkerSettings,
)
from ray_actors.resources import plan_workers
from ray_actors.worker import SeparatorWorker

logger = logging.getLogger(__name__)
_CROWDED = "less than one; where Ray adds nodes as they are asked for, give --cpus-per-worker"


class RayPool:
    """A `TrackPool` on Ray; nothing of it is left when `run` ends, however it ends."""

    def __init__(
        self,
        settings: WorkerSettings,
        options: PoolOptions,
        factory: WorkerFactory = SeparatorWorker,
    ) -> None:
        self._settings, self._options, self._factory = settings, options, factory

    def run(
        self,
        tasks: Sequence[TrackTask],
        *,
        stop: Event,
        enough: Event | None = None,
        on_tick: OnTick | None = None,
        gate: Gate | None = None,
    ) -> Generator[TrackResult, None, None]:
        if not tasks:
            return
        with ray_cluster():
            plan = plan_workers(
                node_resources(),
                workers=self._options.workers,
                gpus_per_worker=self._options.gpus_per_worker,
                tasks=len(tasks),
                cpus_per_worker=self._options.cpus_per_worker,
            )
            share = plan.share
            logger.info("workers=%d cpus=%g gpus=%g each", plan.count, share.cpus, share.gpus)
            if share.cpus < 1 and self._options.cpus_per_worker is None:
                logger.warning("cpus=%g of each worker: %s", share.cpus, _CROWDED)
            settings = replace(
                self._settings, threads=share.threads, environment=forwarded_environment()
            )
            loop = DriverLoop(plan, self._factory, settings, self._options)
            results = loop.results(tasks, stop=stop, enough=enough, on_tick=on_tick, gate=gate)
            with closing(results):
                yield from results
