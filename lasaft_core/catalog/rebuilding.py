"""Rows for stems that have none, made of what each attempt in the store says of itself.

    list the store -> attempts that no row points to, newest first -> rows of keys that have none

The newest whole attempt of a key comes before its older ones, which then find a row in their
place, also where a rebuild was broken off. Attempts of one key can lie in any two shards, since a
changed song is another work: all that no row points to are in memory at once, in under a kilobyte
each.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from sys import intern
from typing import Final, NamedTuple

from lasaft_core.catalog import queries
from lasaft_core.catalog.holdings import HeldAttempt, attempts_by_shard
from lasaft_core.catalog.key_index import Key
from lasaft_core.catalog.publication import TRACK_JSON, row_of, whole_track
from lasaft_core.catalog.removal import forgotten
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import SourceGone
from lasaft_core.storage import join

ROWS_PER_COMMIT: Final = 1000


class _Attempt(NamedTuple):
    """What of a described attempt is kept until its turn comes."""

    put_at: float  # seconds since 1970
    prefix: str
    sizes: Mapping[str, int]  # by name


def rebuild(dest_uri: str) -> int:
    """Rows for whole attempts of objects that have none; returns how many. Raises StoreError.

    A row is dated by the store, so that models supersede each other as they did. An object that
    took over another's stems has no row until the next run; one that was forgotten has none made
    of what is older.
    """
    table, written, gone = CatalogTable.open(dest_uri), 0, forgotten(dest_uri)
    newest_first = sorted(_without_rows(dest_uri, table), key=_age, reverse=True)
    for batch in queries.portions(newest_first, ROWS_PER_COMMIT):
        rows: dict[Key, TrackRow] = {}
        for attempt in batch:
            row = _row(attempt)
            if row is not None and attempt.put_at > gone.get(row.key, -math.inf):
                rows.setdefault(row.key, row)
        written += table.restore(list(rows.values()))
    return written


def _age(attempt: _Attempt) -> tuple[float, str]:
    return attempt.put_at, attempt.prefix


def _without_rows(dest_uri: str, table: CatalogTable) -> Iterator[_Attempt]:
    for shard, attempts in attempts_by_shard(dest_uri):
        stems = set(table.stems_of_shard(*shard))
        for held in attempts:
            if held.is_described and stems.isdisjoint(found.uri for found in held.objects.values()):
                yield _kept(held)


def _kept(held: HeldAttempt) -> _Attempt:
    """Dated by its newest stem: a description may have been put back later."""
    stems = [found for name, found in held.objects.items() if name != TRACK_JSON]
    sizes = {intern(name): found.size for name, found in held.objects.items()}
    return _Attempt(max((found.mtime or 0.0 for found in stems), default=0.0), held.prefix, sizes)


def _row(attempt: _Attempt) -> TrackRow | None:
    """None for an attempt that is not whole, or says nothing that makes a row."""
    sizes = {join(attempt.prefix, name): size for name, size in attempt.sizes.items()}
    try:
        track = whole_track(join(attempt.prefix, TRACK_JSON), sizes)
    except SourceGone:  # removed since it was listed
        return None
    row = None if track is None else row_of(track)
    return row and replace(row, committed_at=datetime.fromtimestamp(attempt.put_at, UTC))
