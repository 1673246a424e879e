"""Watches for a flow run being cancelled from Prefect's UI or API.

A run that was started by hand has no runner that would send it a signal, so the flow's own
process asks the API. Errors of the API don't end a run: the next poll asks again.
"""

import logging
import threading
from contextvars import copy_context
from types import TracebackType
from typing import Self
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException

POLL_SECONDS = 2.0

logger = logging.getLogger(__name__)


class CancellationWatch:
    """Context manager: sets `stop` once the run is cancelling or cancelled."""

    def __init__(
        self, flow_run_id: str, stop: threading.Event, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._flow_run_id, self._stop = UUID(flow_run_id), stop
        self._poll_seconds = poll_seconds
        self._finished = threading.Event()
        context = copy_context()  # Prefect keeps its settings in it
        self._thread = threading.Thread(
            target=context.run, args=(self._watch,), name="cancellation-watch", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finished.set()
        self._thread.join()

    def _watch(self) -> None:
        with get_client(sync_client=True) as client:
            while not self._finished.wait(self._poll_seconds) and not self._stop.is_set():
                try:
                    state = client.read_flow_run(self._flow_run_id).state
                except (httpx.HTTPError, PrefectException) as error:
                    logger.warning("cancellation_poll_failed error=%r", error)
                    continue
                if state is not None and (state.is_cancelling() or state.is_cancelled()):
                    logger.info("cancelling flow_run=%s", self._flow_run_id)
                    self._stop.set()
