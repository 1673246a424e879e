"""One flow run on this machine, and the table that it leaves, read as any user would."""

import logging
from typing import Any

from deltalake import DeltaTable

from flows.catalog_job import CatalogJob, offered
from flows.params import CatalogParameters
from flows.progress import audio_progress
from flows.run_records import Progress, RunConfig, RunReport
from lasaft_core import storage
from lasaft_core.catalog.queries import records


def run_flow(config: RunConfig) -> RunReport:
    """Runs `flows.separate_catalog` in this process; raises what kept it from its report.

    Prefect is imported here, when its environment stands.
    """
    from flows.separate_catalog import separate_catalog  # noqa: PLC0415

    job = CatalogJob(config)
    with audio_progress() as bar, offered(job):

        def show(progress: Progress) -> None:
            note = f"{progress.tracks_done}/{progress.tracks_total} songs"
            bar.update(progress.audio_seconds_done, progress.audio_seconds_total, note=note)

        job.listeners.append(show)
        state = separate_catalog(CatalogParameters.from_config(config), return_state=True)
    for handler in logging.getLogger("prefect.flow_runs").handlers:
        handler.flush()  # while the server is there to take the last lines
    if not job.is_reported:
        state.result()
    return job.report


def read_rows(dest: str) -> list[dict[str, Any]]:
    """Every row of the catalog table, by deltalake alone.

    Its reader over pyarrow's datasets may abort a process that holds torch as it ends.
    """
    uri = storage.join(dest, "catalog")
    table = DeltaTable(uri, storage_options=storage.delta_storage_options(uri))
    return [dict(row) for row in records(table, "SELECT * FROM catalog")]
