"""Taking tracks out of a destination: rows first, then the stems that no row points to any more.

    receipts/unfinished/<reason>-<time>-<id>.json    put before anything is removed
    receipts/<reason>-<time>-<id>.json               put once all of it is; the other goes then

After a crash in between the stems are orphans. `finish_removals` takes away those of receipts that
were left unfinished; what no receipt tells of, `verification.py` finds. A model of a million songs
goes a portion at a time, each with its receipt.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import uuid4

from lasaft_core.catalog import queries
from lasaft_core.catalog.holdings import held_attempt
from lasaft_core.catalog.identity import canonical_json
from lasaft_core.catalog.key_index import Key
from lasaft_core.catalog.orphans import PORTION, SETTLE_SECONDS, in_threads, remove_orphans
from lasaft_core.catalog.queries import SupersededCount
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.catalog.verification import (
    Orphan,
    check_place,
    elsewhere,
    prefixes_of,
    stems_of,
)
from lasaft_core.errors import SourceGone
from lasaft_core.storage import canonical_uri, join, list_names, put_bytes, read_bytes, remove

Receipt = dict[str, Any]
_UNFINISHED: Final = "unfinished"
_FORGET: Final = "forget-"


def rows_of_sources(dest_uri: str, sources: Sequence[str]) -> list[TrackRow]:
    """All rows of these objects, of every model."""
    table = CatalogTable.open(dest_uri)
    return [row for source in sources for row in table.find(source)]


def count_superseded(
    dest_uri: str, before: datetime, *, limit: int | None = None
) -> list[SupersededCount]:
    """By model, done rows that another model's have stood in for since `before`."""
    question = partial(queries.superseded_counts, before=before, limit=limit)
    return list(CatalogTable.open(dest_uri).ask(question))


def superseded_rows(dest_uri: str, before: datetime, *, limit: int | None = None) -> list[TrackRow]:
    """These rows themselves, the first ones in the order of their sources."""
    table = CatalogTable.open(dest_uri)
    keys = table.ask(partial(queries.superseded, before=before, limit=limit))
    return list(table.rows_of_keys(list(keys)))


def prune(
    dest_uri: str,
    before: datetime,
    *,
    limit: int | None = None,
    settle_seconds: float = SETTLE_SECONDS,
) -> Iterator[Receipt]:
    """Removes superseded rows and their stems, at most `limit` of them; the receipt of each portion
    when it is done, with its own URI. Raises StoreError, StoreUnavailable, UsageError as
    `check_place` does."""
    removed = 0
    while limit is None or removed < limit:
        portion = PORTION if limit is None else min(PORTION, limit - removed)
        rows = superseded_rows(dest_uri, before, limit=portion)
        if not rows:
            return
        receipt = remove_tracks(dest_uri, rows, reason="prune", settle_seconds=settle_seconds)
        removed += len(rows)
        yield receipt
        if not receipt["rows_removed"]:  # another writer's turn
            return


def remove_tracks(
    dest_uri: str,
    rows: Sequence[TrackRow],
    *,
    reason: str,
    settle_seconds: float = SETTLE_SECONDS,
) -> Receipt:
    """Removes rows and their stems; returns the receipt, with its own URI. Raises StoreError,
    StoreUnavailable, UsageError as `check_place` does."""
    check_place(dest_uri, stems_of(rows))
    now = datetime.now(UTC)
    name = f"{reason}-{now:%Y%m%dT%H%M%SZ}-{uuid4().hex[:8]}.json"
    receipt: Receipt = {
        "reason": reason,
        "begun_at": now.isoformat(),
        "finished_at": None,
        "tracks": [_described(row) for row in rows],
    }
    _put(receipt, _receipt_uri(dest_uri, _UNFINISHED, name))
    receipt["rows_removed"] = CatalogTable.open(dest_uri).remove(rows)
    return _finished(dest_uri, name, receipt, settle_seconds=settle_seconds)


def forgotten(dest_uri: str) -> dict[Key, float]:
    """When the songs that `forget` has taken away were last forgotten, in seconds since 1970."""
    receipts = _receipt_uri(dest_uri)
    names = [name for name in list_names(receipts) if name.rpartition("/")[2].startswith(_FORGET)]
    found: dict[Key, float] = {}
    for receipt in map(json.loads, in_threads(read_bytes, [join(receipts, n) for n in names])):
        begun_at = datetime.fromisoformat(receipt["begun_at"]).timestamp()
        for track in receipt["tracks"]:
            found[_key(track)] = max(begun_at, found.get(_key(track), 0.0))
    return found


def finish_removals(dest_uri: str, *, settle_seconds: float = SETTLE_SECONDS) -> list[Receipt]:
    """Of receipts that a crash left unfinished, removes the stems that no row points to; rows that
    were still there stay. Returns the receipts, with their URIs. Raises StoreError,
    StoreUnavailable."""
    names = list_names(_receipt_uri(dest_uri, _UNFINISHED))
    if names:  # descriptions may have gone just before the crash
        time.sleep(settle_seconds)
    taken_up = [_taken_up(dest_uri, name, settle_seconds=settle_seconds) for name in names]
    return [receipt for receipt in taken_up if receipt is not None]


def _taken_up(dest_uri: str, name: str, *, settle_seconds: float) -> Receipt | None:
    """None where somebody was at it still, and has finished."""
    try:
        receipt: Receipt = json.loads(read_bytes(_receipt_uri(dest_uri, _UNFINISHED, name)))
    except SourceGone:
        return None
    receipt["rows_removed"] = len(receipt["tracks"]) - _standing(dest_uri, receipt["tracks"])
    return _finished(dest_uri, name, receipt, settle_seconds=settle_seconds)


def _finished(dest_uri: str, name: str, receipt: Receipt, *, settle_seconds: float) -> Receipt:
    """Once the rows are gone. A copy has the receipts of the original, whose stems stay."""
    prefixes = _prefixes(receipt["tracks"])
    ours = prefixes.difference(elsewhere(dest_uri, prefixes))
    held = in_threads(held_attempt, sorted(ours))
    orphans = [Orphan(attempt) for attempt in held if attempt is not None]
    receipt["attempts_removed"] = remove_orphans(dest_uri, orphans, settle_seconds=settle_seconds)
    receipt["attempts_kept_for_other_rows"] = len(orphans) - receipt["attempts_removed"]
    receipt["finished_at"] = datetime.now(UTC).isoformat()
    uri = _receipt_uri(dest_uri, name)
    _put(receipt, uri)
    remove(_receipt_uri(dest_uri, _UNFINISHED, name))
    return {**receipt, "uri": uri}


def _standing(dest_uri: str, tracks: Sequence[Mapping[str, Any]]) -> int:
    """How many of them still have the row that they had."""
    stems = {_key(track): {stem["uri"] for stem in track["stems"]} for track in tracks}
    rows = CatalogTable.open(dest_uri).rows_of_keys(list(stems))
    return sum(set(stems_of([row])) == stems[row.key] for row in rows)


def _key(track: Mapping[str, Any]) -> Key:
    return track["source_uri"], track["model_fingerprint"]


def _receipt_uri(dest_uri: str, *parts: str) -> str:
    return join(canonical_uri(dest_uri), "receipts", *parts)


def _put(receipt: Mapping[str, Any], uri: str) -> None:
    put_bytes(canonical_json(receipt).encode(), uri)


def _described(row: TrackRow) -> dict[str, Any]:
    stems = [{"uri": s.uri, "sha256": s.sha256, "bytes": s.bytes} for s in row.stems]
    columns = ("source_uri", "source_etag", "content_sha256", "model_fingerprint", "status")
    return {**{name: getattr(row, name) for name in columns}, "stems": stems}


def _prefixes(tracks: Sequence[Mapping[str, Any]]) -> set[str]:
    return prefixes_of(stem["uri"] for track in tracks for stem in track["stems"])
