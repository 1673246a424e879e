"""What a flow run shows in Prefect's UI: plan, progress, report, failures, links to stems.

Artifacts are for the eye: an API that doesn't answer costs a warning, never the run.
"""

import logging
import time
from collections.abc import Callable
from typing import cast
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


logger = logging.getLogger(__name__)


def attempt(create: Callable[[], object]) -> object:
    try:
        return create()
    except (httpx.HTTPError, PrefectException) as error:
        logger.warning("artifact_failed error=%r", error)
        return None


class ProgressArtifact:
    """One bar in audio seconds, updated at most every few seconds and when all is done."""

    def __init__(self, update_seconds: float = UPDATE_SECONDS) -> None:
        self._update_seconds = update_seconds
        self._next_seconds = 0.0
        self._artifact_id: UUID | None = None

    def __call__(self, progress: Progress) -> None:
        is_last = progress.tracks_done >= progress.tracks_total
        if time.monotonic() < self._next_seconds and not is_last:
            return
        self._next_seconds = time.monotonic() + self._update_seconds
        total = progress.audio_seconds_total
        percent = 100.0 if is_last else min(99.9, 100 * progress.audio_seconds_done / (total or 1))
        text = (
            f"{progress.tracks_done} of {progress.tracks_total} songs, {progress.failed} failed; "
            f"{clock(progress.audio_seconds_done)} of about {clock(total)} of audio"
        )
        attempt(lambda: self._show(percent, text))

    def _show(self, percent: float, text: str) -> None:
        if self._artifact_id is None:
            created = create_progress_artifact(percent, key="catalog-progress", description=text)
            self._artifact_id = cast("UUID", created)  # a coroutine only under asyncio
        else:
            update_progress_artifact(self._artifact_id, percent, description=text)


def publish_plan(job: CatalogJob) -> None:
    text = plan_markdown(job.plan, job.estimate, job.config.workers)
    attempt(lambda: create_markdown_artifact(text, key="catalog-plan"))


def publish_report(job: CatalogJob) -> None:
    text = report_markdown(job.report)
    attempt(lambda: create_markdown_artifact(text, key="catalog-report"))
    rows = failure_rows(job.report)
    if rows:
        attempt(lambda: create_table_artifact(rows, key="catalog-failures"))
