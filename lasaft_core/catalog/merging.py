"""Which rows of a batch go into the table, and with what history, in sight of those there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from lasaft_core.catalog.key_index import Key
from lasaft_core.catalog.plan import heals
from lasaft_core.catalog.queries import Standing
from lasaft_core.catalog.rows import TrackRow

Choice = Callable[[Sequence[TrackRow], Mapping[Key, Standing]], list[TrackRow]]

MAX_ATTEMPTS: Final = 20
"""Of a row's history, the last ones."""


def one_per_key(rows: Sequence[TrackRow]) -> list[TrackRow]:
    """The last one of each key, but a done one before any other."""
    chosen: dict[Key, TrackRow] = {}
    for row in rows:
        if row.status == "done" or row.key not in chosen or chosen[row.key].status != "done":
            chosen[row.key] = row
    return list(chosen.values())


def replacing(
    batch: Sequence[TrackRow], standing: Mapping[Key, Standing], *, force: bool
) -> list[TrackRow]:
    """All but those that a done row of the same etag stands against, or a done row of any against
    a failure that says nothing of the bytes; with `force`, new done rows replace even that. Dated
    now."""
    now = datetime.now(UTC)
    chosen = (row for row in batch if _may_replace(row, standing.get(row.key), force=force))
    return [replace(_with_history(row, standing.get(row.key)), committed_at=now) for row in chosen]


def unknown(batch: Sequence[TrackRow], standing: Mapping[Key, Standing]) -> list[TrackRow]:
    """Those whose keys have no row, dated as they are."""
    return [row for row in batch if row.key not in standing]


def same_stems(row: TrackRow, standing: TrackRow | None) -> bool:
    """Whether the table's row still points to the stems that `row` was made with."""
    if standing is None:
        return False
    return {stem.uri for stem in standing.stems} == {stem.uri for stem in row.stems}


def _may_replace(row: TrackRow, standing: Standing | None, *, force: bool) -> bool:
    if standing is None or standing.status != "done":
        return True
    if standing.source_etag != row.source_etag:
        return not heals(row.status, row.reason)
    return force and row.status == "done"


def _with_history(row: TrackRow, standing: Standing | None) -> TrackRow:
    """The attempts of earlier runs at the same bytes stay in front, up to `MAX_ATTEMPTS` in all."""
    if standing is None or standing.source_etag != row.source_etag or not standing.attempts:
        return row
    if row.run_id and standing.run_id == row.run_id:  # a commit whose answer was lost
        return replace(row, attempts=standing.attempts)
    last = standing.attempts[-1].attempt
    ours = (replace(lost, attempt=last + lost.attempt) for lost in row.attempts)
    return replace(row, attempts=(*standing.attempts, *ours)[-MAX_ATTEMPTS:])
