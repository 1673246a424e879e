"""Serves one deployment until it is told to stop, then ends its runs in order.

    stop -> no more runs are taken -> SIGTERM to each -> it drains, publishes, reports "cancelled"
         -> 30 s: whatever is left is killed -> the server hears of it, for 10 s at most

Prefect's own loop, `Runner.start`, would leave without waiting for its runs, which stay "running"
at the server for ever, and would end with all its runs where the server is away for a few minutes.
"""

import asyncio
import logging
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Final
from uuid import UUID

import httpx
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import PrefectException
from prefect.runner import Runner

from flows.orphans import crash_orphans

END_SECONDS: Final = 30.0
REPORT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1

logger = logging.getLogger(__name__)


class StopRequest:
    """What signals ask for. Made within the event loop that waits for it."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._kill_at = inf

    def ask(self, *, again_is_urgent: bool = False) -> None:
        if not self._asked.is_set():
            self._kill_at = monotonic() + END_SECONDS
            self._asked.set()
        elif again_is_urgent:
            self._kill_at = min(self._kill_at, monotonic())

    async def wait(self) -> None:
        await self._asked.wait()

    @property
    def seconds_over(self) -> float:
        """Since runs have had their time to end by themselves; below zero before."""
        return monotonic() - self._kill_at


class CatalogRunner(Runner):
    """Each run is a process of its own; no more than `limit` at a time."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit, pause_on_shutdown=False)

    async def serve(self, deployment: RunnerDeployment, stop: StopRequest) -> None:
        """Registers it, and returns when it has been told to stop and no run is left."""
        deployment_id = await self.aadd_deployment(deployment)
        async with self, asyncio.TaskGroup() as group:
            await crash_orphans(self._client, deployment_id)
            polling = group.create_task(self._poll())
            await stop.wait()
            polling.cancel()
            await self._end_runs(stop)

    async def _poll(self) -> None:
        """A server that is away is asked again: runs that are under way don't need it."""
        while True:
            try:
                await self._scheduled_run_poller._get_and_submit_flow_runs()
            except (httpx.HTTPError, PrefectException) as error:
                logger.warning("poll_failed error=%r", error)
            await asyncio.sleep(self.query_seconds)

    async def _end_runs(self, stop: StopRequest) -> None:
        told: set[UUID] = set()
        while self._runs_left and stop.seconds_over < REPORT_SECONDS:
            for run_id in self._process_manager.flow_run_ids():
                handle = self._process_manager.get(run_id)
                with suppress(ProcessLookupError):
                    if handle is not None and stop.seconds_over > 0:
                        handle.hard_kill()
                    elif handle is not None and run_id not in told:
                        handle.graceful_kill()
                told.add(run_id)
            await asyncio.sleep(_LOOK_SECONDS)
        if self._runs_left:
            self._runs_task_group.cancel_scope.cancel()

    @property
    def _runs_left(self) -> int:
        """A run has its slot from before its process begins until the server knows its end."""
        assert self._limiter is not None
        return self._limiter.borrowed_tokens
