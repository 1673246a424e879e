"""The Prefect flow around a catalog run: steps as tasks, artifacts, cancellation, logs.

A thin edge: four task runs however many songs there are, and no audio or credential passes here.
The run's own errors become states with one clear message rather than tracebacks.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Failed

from flows import artifacts
from flows.cancellation import CancellationWatch
from flows.catalog_job import CatalogJob, current_job
from flows.credentials_block import credentials_of
from flows.interruption import Interruption
from flows.orphans import note_process
from flows.params import CatalogParameters
from flows.reporting import stop_text
from flows.run_logs import forwarded_logs
from flows.stem_links import publish_links
from lasaft_core.errors import RunBrokenOff, UsageError

Outcome = State[Any] | None


def _refused(step: Callable[[], None]) -> Outcome:
    try:
        step()
    except (UsageError, RunBrokenOff) as error:
        return Failed(message=str(error), data=error)
    return None


@task(name="check", cache_policy=NO_CACHE, persist_result=False)
def check(job: CatalogJob) -> Outcome:
    """Checkpoint, sources and destination, before anything is started."""
    return _refused(job.check)


@task(name="plan", cache_policy=NO_CACHE, persist_result=False)
def plan(job: CatalogJob) -> Outcome:
    """Lists the sources, compares with the table, estimates the work."""
    with CancellationWatch(str(flow_run.id), job.stop):
        refused = _refused(job.make_plan)
    if refused is None:
        artifacts.publish_plan(job)
    return refused


@task(name="separate", cache_policy=NO_CACHE, persist_result=False)
def separate(job: CatalogJob) -> Outcome:
    """Drives the workers; ends early, in order, when the run is cancelled."""
    run_id = str(flow_run.id)
    with artifacts.ProgressArtifact() as bar, CancellationWatch(run_id, job.stop):
        job.listeners.append(bar)
        return _refused(lambda: job.separate(flow_run_id=run_id))


@task(name="report", cache_policy=NO_CACHE, persist_result=False)
def report(job: CatalogJob) -> None:
    """Report, failures and, for runs that somebody asked for, links to the stems."""
    if artifacts.publish_report(job):
        publish_links(job, str(flow_run.id))


@flow(name="separate-catalog", persist_result=True, result_serializer="json")
def separate_catalog(parameters: CatalogParameters) -> dict[str, object] | State[Any]:
    """Separates what is new in a catalog of songs and keeps its table of stems up to date."""
    job = current_job(parameters.to_config())
    with ExitStack() as surroundings:
        surroundings.enter_context(forwarded_logs(str(flow_run.id)))
        surroundings.enter_context(Interruption(job.stop))
        note_process(str(flow_run.id))
        try:
            surroundings.enter_context(credentials_of(parameters.credentials_block))
        except UsageError as error:
            return Failed(message=str(error), data=error)
        for step in (check, plan, separate, report):
            state = step(job, return_state=True)
            if not state.is_completed():
                return Failed(message=state.message, data=state.result(raise_on_failure=False))
    return _final_state(job)


def _final_state(job: CatalogJob) -> dict[str, object] | State[Any]:
    """Prefect takes nothing but errors for what a state that is not well holds."""
    if job.report.stopped == "cancelled":
        return Cancelled(message=stop_text(job.report).removeprefix("stopped: "))
    if job.exit_code:
        bad = job.report.failed + job.report.quarantined
        message = f"{bad} of {job.report.finished} songs failed, more than is allowed"
        return Failed(message=message)
    return job.report.to_dict()
