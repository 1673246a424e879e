"""From the sources and the table to the tracks of a run. No source object is opened."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from threading import Event

from flows.preflight import Prepared
from lasaft_core.catalog.estimate import (
    DEFAULT_BYTES_PER_SECOND,
    DEFAULT_OTHER_BYTES_PER_SECOND,
    Estimate,
    estimate,
)
from lasaft_core.catalog.listing import list_audio
from lasaft_core.catalog.plan import Plan, plan_tracks
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.storage import ObjectStat
from ray_actors.messages import TrackTask

logger = logging.getLogger(__name__)


def make_plan(prepared: Prepared, *, stop: Event | None = None) -> tuple[Plan, Estimate]:
    """Lists the sources and compares with the table; `--limit` bounds the work, not the listing.

    `stop` ends the listing, and with it the plan, where it has come to.
    """
    config = prepared.config
    table = CatalogTable.open(config.dest)
    objects = list_audio(
        config.sources, include=config.include, exclude=config.exclude, skip_prefix=config.dest
    )
    version = table.version
    if stop is not None:
        objects = takewhile(lambda _: not stop.is_set(), objects)
    plan = plan_tracks(objects, table.keys(prepared.fingerprint), force=config.force)
    if not any(plan.counts.values()):
        logger.warning(
            "sources=%s songs=0 remedy='check --source, --include and --exclude'",
            ",".join(config.sources),
        )
    plan = replace(plan, tracks=plan.tracks[: config.limit], table_version=version)
    return plan, estimate(plan, table.sample())


def track_tasks(plan: Plan) -> Iterator[TrackTask]:
    for track in plan.tracks:
        yield TrackTask(
            source=track.object,
            action=track.action,
            audio_seconds_estimate=audio_seconds_estimate(track.object),
            group=track.group,
            forced=track.action == "forced",
        )


def audio_seconds_estimate(source: ObjectStat) -> float:
    """From the object's size and the usual rate of its format: good enough to order by."""
    suffix = "." + source.uri.rpartition(".")[2].lower()
    return source.size / DEFAULT_BYTES_PER_SECOND.get(suffix, DEFAULT_OTHER_BYTES_PER_SECOND)
