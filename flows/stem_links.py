"""Links from a flow run to the stems that it made, for runs that somebody asked for.

A scheduled run over thousands of songs has its table; a person who started a run wants to click.
"""

import os
from collections.abc import Iterator
from itertools import islice, takewhile
from urllib.parse import quote
from uuid import UUID

from prefect.artifacts import create_link_artifact
from prefect.client.orchestration import get_client

from flows.artifacts import attempt
from flows.catalog_job import CatalogJob
from flows.reporting import markdown
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.catalog.table import CatalogTable

LINKED_SONGS = 10


def publish_links(job: CatalogJob, flow_run_id: str) -> None:
    """One link artifact for each stem of the run's first songs; none for scheduled runs."""
    attempt(lambda: _publish_links(job, flow_run_id))


def _publish_links(job: CatalogJob, flow_run_id: str) -> None:
    with get_client(sync_client=True) as client:
        if client.read_flow_run(UUID(flow_run_id)).auto_scheduled:
            return
    for song in _songs(job):
        name = song.source_uri.rsplit("/", 1)[-1]
        for stem in song.stems:
            create_link_artifact(
                stem_link(stem.uri),
                link_text=markdown(f"{name}: {stem.target}"),
                key="catalog-stems",
                description=stem.uri,
            )


def _songs(job: CatalogJob) -> Iterator[TrackRow]:
    """Done rows stand newest commit first, so that this run's are at the front."""
    rows = CatalogTable.open(job.config.dest).rows(job.prepared.fingerprint, status="done")
    ours = takewhile(lambda row: row.run_id == job.run_id, rows)
    return islice(ours, LINKED_SONGS)


def stem_link(uri: str) -> str:
    """An address that a browser can follow where the store lets it; carries no signature."""
    scheme, _, rest = uri.partition("://")
    path = quote(rest)
    if scheme == "s3":
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "https://s3.amazonaws.com").rstrip("/")
        protocol, _, host = endpoint.partition("://")
        return f"{protocol}://{host.rpartition('@')[2]}/{path}"
    if scheme == "gs":
        return f"https://storage.googleapis.com/{path}"
    return f"{scheme}://{path}"
