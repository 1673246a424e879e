"""`lasaft-stems run`: a flow run where a Prefect API is configured, else a plain one."""

import argparse

from flows.catalog_job import CatalogJob, OnProgress, offered
from flows.commands.catalog_settings import run_config
from flows.commands.console import complain, say, say_json
from flows.commands.prefect_api import check_prefect_api, prefect_api_url
from flows.interruption import Interruption
from flows.progress import AudioProgress, audio_progress
from flows.reporting import report_lines
from flows.run_records import Progress
from lasaft_core.errors import RunBrokenOff


def run(arguments: argparse.Namespace) -> int:
    job = CatalogJob(run_config(arguments))
    with audio_progress() as progress:
        job.check()  # wrong use is told before a flow run exists
        job.listeners.append(_listener(progress))
        url = prefect_api_url()
        if url:
            check_prefect_api(url)
            _run_as_flow(job)
        else:
            _run_plain(job)
    if arguments.json:
        say_json(job.report.to_dict())
    else:
        for line in report_lines(job.report):
            say(line)
    return job.exit_code


def _run_plain(job: CatalogJob) -> None:
    with Interruption(job.stop):
        job.make_plan()
        job.separate()


def _run_as_flow(job: CatalogJob) -> None:
    """Raises what kept the flow from its report. A server that went away once the songs were done
    keeps nobody from it."""
    import httpx  # noqa: PLC0415  with Prefect, only where it is in use

    from flows import separate_catalog as edge  # noqa: PLC0415
    from flows.params import CatalogParameters  # noqa: PLC0415

    parameters = CatalogParameters.from_config(job.config)
    try:
        with offered(job):
            state = edge.separate_catalog(parameters, return_state=True)
        if not job.is_reported:
            state.result()
    except httpx.HTTPError as error:
        if not job.is_reported:
            remedy = "what is done is published: run it again once the server is back"
            raise RunBrokenOff("no Prefect API any more", got=error, remedy=remedy) from error
        complain(f"no Prefect API any more ({error}): the songs are done, its flow run is not told")


def _listener(bar: AudioProgress) -> OnProgress:
    def update(progress: Progress) -> None:
        note = f"{progress.tracks_done}/{progress.tracks_total} songs, {progress.failed} failed"
        bar.update(progress.audio_seconds_done, progress.audio_seconds_total, note=note)

    return update
