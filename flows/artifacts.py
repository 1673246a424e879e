"""What a flow run shows in Prefect's UI: plan, progress, report, failures, links to stems.

Artifacts are for the eye: an API that doesn't answer costs a warning, never the run.
"""

import logging
import threading
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType
from typing import Self, cast
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

from flows.catalog_job import CatalogJob
from flows.progress import clock
from flows.reporting import failure_rows, plan_markdown, report_markdown
from flows.run_records import Progress

UPDATE_SECONDS = 5.0
LAST_UPDATE_SECONDS = 10.0


logger = logging.getLogger(__name__)


def attempt(create: Callable[[], object]) -> object:
    try:
        return create()
    except (httpx.HTTPError, PrefectException) as error:
        logger.warning("artifact_failed error=%r", error)
        return None


class ProgressArtifact:
    """One bar in audio seconds, updated at most every few seconds and once when the block ends.

    A thread talks to the API: Prefect's client asks one that is gone for over a minute, in which
    a run must go on.
    """

    def __init__(self, update_seconds: float = UPDATE_SECONDS) -> None:
        self._update_seconds = update_seconds
        self._artifact_id: UUID | None = None
        self._latest: Progress | None = None
        self._ended = threading.Event()
        context = copy_context()  # Prefect keeps its settings and the flow run in it
        self._thread = threading.Thread(
            target=context.run, args=(self._keep_showing,), name="progress-artifact", daemon=True
        )

    def __call__(self, progress: Progress) -> None:
        self._latest = progress

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(LAST_UPDATE_SECONDS)

    def _keep_showing(self) -> None:
        shown: Progress | None = None
        is_last = False
        while not is_last:
            is_last = self._ended.wait(self._update_seconds)
            progress = self._latest
            if progress is not None and progress is not shown:
                self._show(progress)
                shown = progress

    def _show(self, progress: Progress) -> None:
        is_last = progress.tracks_done >= progress.tracks_total
        total = progress.audio_seconds_total
        percent = 100.0 if is_last else min(99.9, 100 * progress.audio_seconds_done / (total or 1))
        text = (
            f"{progress.tracks_done} of {progress.tracks_total} songs, {progress.failed} failed; "
            f"{clock(progress.audio_seconds_done)} of about {clock(total)} of audio"
        )
        attempt(lambda: self._put(percent, text))

    def _put(self, percent: float, text: str) -> None:
        if self._artifact_id is None:
            created = create_progress_artifact(percent, key="catalog-progress", description=text)
            self._artifact_id = cast("UUID", created)  # a coroutine only under asyncio
        else:
            update_progress_artifact(self._artifact_id, percent, description=text)


def publish_plan(job: CatalogJob) -> None:
    text = plan_markdown(job.plan, job.estimate, job.config.workers)
    attempt(lambda: create_markdown_artifact(text, key="catalog-plan"))


def publish_report(job: CatalogJob) -> bool:
    """False where the API is gone: it is asked once, since each call waits for over a minute."""
    text, rows = report_markdown(job.report), failure_rows(job.report)
    if attempt(lambda: create_markdown_artifact(text, key="catalog-report")) is None:
        return False
    return not rows or bool(attempt(lambda: create_table_artifact(rows, key="catalog-failures")))
