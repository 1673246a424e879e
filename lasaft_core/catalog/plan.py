"""What a run has to do: the listed objects against the table's keys. Pure, no store is opened.

object not in the table                         new
  and a done row has its etag and size          moved     (or copied; confirmed by its hash)
in the table under another etag                 changed
in the table as failed by the store, a worker   retry
in the table as failed by its own bytes         left, retry with force "failed"
in the table as skipped, quarantined            left, retry with force "failed"
in the table as done                            done, forced with force "all"
"""

from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from typing import Literal, get_args

import pyarrow as pa

from lasaft_core.errors import InvalidOption, TrackError
from lasaft_core.storage import ObjectStat

Action = Literal["new", "changed", "moved", "retry", "forced"]
Force = Literal["none", "failed", "all"]
_COLUMNS = ("source_uri", "source_etag", "source_bytes", "status", "reason")
_LASTING_REASONS = {kind.reason for kind in TrackError.__subclasses__() if kind.lasting}


@dataclass(frozen=True, slots=True)
class PlannedTrack:
    """One object to work on.

    `group` is shared by objects of this run that may hold the same bytes: one goes first, so that
    the others find its stems.
    """

    object: ObjectStat
    action: Action
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Tracks to work on, in listing order, and how many objects are not worked on.

    `done` have their stems, `left` have none: they would fail or be skipped as before.
    `table_version` is the newest that the plan certainly knows.
    """

    tracks: tuple[PlannedTrack, ...]
    done: int
    left: int = 0
    table_version: int | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Objects by action, `done` and `left` included, each action present."""
        found = Counter(track.action for track in self.tracks)
        by_action = {action: found[action] for action in get_args(Action)}
        return {**by_action, "done": self.done, "left": self.left}


@dataclass(frozen=True, slots=True)
class _Known:
    etag: str
    status: str
    reason: str | None


def heals(status: str, reason: str | None) -> bool:
    """Whether a track failed by something else than its own bytes."""
    return status == "failed" and reason not in _LASTING_REASONS


def plan_tracks(objects: Iterable[ObjectStat], keys: pa.Table, *, force: str = "none") -> Plan:
    """`keys` as `CatalogTable.keys` gives them for one model. Raises InvalidOption."""
    if force not in get_args(Force):
        raise InvalidOption("--force", expected=" or ".join(get_args(Force)), got=force)
    known, contents = _index(keys)
    tracks: list[PlannedTrack] = []
    idle: Counter[bool] = Counter()  # by whether the stems are there
    for found in objects:
        row = known.get(found.uri)
        action = _action(found, row, force)
        if action is not None:
            tracks.append(_planned(found, action, contents))
        elif row is not None:
            idle[row.status == "done"] += 1
    return Plan(tuple(_grouped(tracks)), done=idle[True], left=idle[False])


def _index(keys: pa.Table) -> tuple[dict[str, _Known], set[tuple[str, int]]]:
    """Rows by address, and etags with sizes that have been done."""
    known: dict[str, _Known] = {}
    contents: set[tuple[str, int]] = set()
    for batch in keys.select(_COLUMNS).to_batches(max_chunksize=65536):
        columns = (column.to_pylist() for column in batch.columns)
        for uri, etag, size, status, reason in zip(*columns, strict=True):
            known[uri] = _Known(etag, status, reason)
            if status == "done" and etag:
                contents.add((etag, size))
    return known, contents


def _action(found: ObjectStat, row: _Known | None, force: str) -> Action | None:
    if row is None:
        return "new"
    if row.etag != found.etag:
        return "changed"
    if heals(row.status, row.reason):
        return "retry"
    if row.status == "done":
        return "forced" if force == "all" else None
    return "retry" if force != "none" else None


def _planned(found: ObjectStat, action: Action, contents: Set[tuple[str, int]]) -> PlannedTrack:
    if action == "new" and (found.etag, found.size) in contents:
        action = "moved"
    return PlannedTrack(found, action, group=_likeness(found))


def _likeness(found: ObjectStat) -> str | None:
    """Local etags tell the time of writing, so that only the size can be compared."""
    if not found.size:
        return None
    local = found.uri.startswith("file://")
    return f"{found.size}" if local else f"{found.size}-{found.etag}"


def _grouped(tracks: list[PlannedTrack]) -> Iterable[PlannedTrack]:
    """A track that nothing else is like is in no group."""
    members = Counter(track.group for track in tracks)
    for track in tracks:
        yield replace(track, group=None) if members[track.group] == 1 else track
