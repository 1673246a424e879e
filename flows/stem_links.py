"""Links from a flow run to the stems that it made, for runs that somebody asked for.

A scheduled run over thousands of songs has its table; a person who started a run wants to click.
"""

import logging
from collections.abc import Iterator
from functools import partial
from urllib.parse import quote
from uuid import UUID

from prefect.artifacts import create_link_artifact
from prefect.client.orchestration import get_client

from flows.artifacts import attempt
from flows.catalog_job import CatalogJob
from flows.reporting import markdown
from lasaft_core.catalog import queries
from lasaft_core.catalog.queries import StemPlace
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import StoreError
from lasaft_core.storage import canonical_uri, s3_endpoint, s3_region

LINKED_SONGS = 10

logger = logging.getLogger(__name__)


def publish_links(job: CatalogJob, flow_run_id: str) -> None:
    """One link artifact for each stem of a few of the songs that were asked for; none for scheduled
    runs, and none where the table can't be read: the run is over, and its rows are published."""
    try:
        attempt(lambda: _publish_links(job, flow_run_id))
    except StoreError as error:
        logger.warning("links_failed error=%s", error)


def _publish_links(job: CatalogJob, flow_run_id: str) -> None:
    with get_client(sync_client=True) as client:
        if client.read_flow_run(UUID(flow_run_id)).auto_scheduled:
            return
    for stem in _stems_asked_for(job):
        name = stem.source_uri.rsplit("/", 1)[-1]
        create_link_artifact(
            stem_link(stem.uri),
            link_text=markdown(f"{name}: {stem.target}"),
            key="catalog-stems",
            description=stem.uri,
        )


def _stems_asked_for(job: CatalogJob) -> Iterator[StemPlace]:
    """Of the run's own songs, then of those that were there already."""
    table, ours = CatalogTable.open(job.config.dest), set[str]()
    fingerprint = job.prepared.fingerprint
    made = partial(queries.stems_of_run, fingerprint=fingerprint, run_id=job.run_id)
    for stem in table.ask(partial(made, max_songs=LINKED_SONGS)):
        ours.add(stem.source_uri)
        yield stem
    are_all_asked_for = not (job.config.include or job.config.exclude)
    if are_all_asked_for and len(ours) < LINKED_SONGS:
        sources = [canonical_uri(source) for source in job.config.sources]
        there = partial(queries.stems_below, fingerprint=fingerprint, sources=sources)
        rest = LINKED_SONGS - len(ours)
        yield from table.ask(partial(there, except_run=job.run_id, max_songs=rest))


def stem_link(uri: str) -> str:
    """An address that a browser can follow where the store lets it; carries no signature. On S3 it
    is the region's own: Amazon's common one answers for one region only."""
    scheme, _, rest = uri.partition("://")
    path = quote(rest)
    if scheme == "s3":
        endpoint = s3_endpoint() or f"https://s3.{s3_region()}.amazonaws.com"
        protocol, _, host = endpoint.rstrip("/").partition("://")
        return f"{protocol}://{host.rpartition('@')[2]}/{path}"
    if scheme == "gs":
        return f"https://storage.googleapis.com/{path}"
    return f"{scheme}://{path}"
