"""Links from a flow run to the stems that it made, for runs that somebody asked for.

A scheduled run over thousands of songs has its table; a person who started a run wants to click.
"""

import logging
import os
from functools import partial
from urllib.parse import quote
from uuid import UUID

from prefect.artifacts import create_link_artifact
from prefect.client.orchestration import get_client

from flows.artifacts import attempt
from flows.catalog_job import CatalogJob
from flows.reporting import markdown
from lasaft_core.catalog import queries
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import StoreError

LINKED_SONGS = 10

logger = logging.getLogger(__name__)


def publish_links(job: CatalogJob, flow_run_id: str) -> None:
    """One link artifact for each stem of a few of the run's songs; none for scheduled runs, and
    none where the table can't be read: the run is over, and its rows are published."""
    try:
        attempt(lambda: _publish_links(job, flow_run_id))
    except StoreError as error:
        logger.warning("links_failed error=%s", error)


def _publish_links(job: CatalogJob, flow_run_id: str) -> None:
    with get_client(sync_client=True) as client:
        if client.read_flow_run(UUID(flow_run_id)).auto_scheduled:
            return
    question = partial(
        queries.stems_of_run,
        fingerprint=job.prepared.fingerprint,
        run_id=job.run_id,
        max_songs=LINKED_SONGS,
    )
    for stem in CatalogTable.open(job.config.dest).ask(question):
        name = stem.source_uri.rsplit("/", 1)[-1]
        create_link_artifact(
            stem_link(stem.uri),
            link_text=markdown(f"{name}: {stem.target}"),
            key="catalog-stems",
            description=stem.uri,
        )


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
