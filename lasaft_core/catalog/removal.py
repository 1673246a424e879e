"""Taking tracks out of a destination: rows first, then the stems that no row points to any more.

A receipt, `receipts/<reason>-<time>-<id>.json`, is put before and completed afterwards. After a
crash in between the stems are orphans, which `verification.py` finds.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from lasaft_core.catalog.holdings import HeldAttempt, Shard
from lasaft_core.catalog.identity import canonical_json
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.catalog.verification import SETTLE_SECONDS, Orphan, remove_orphans
from lasaft_core.storage import canonical_uri, join, list_below, put_bytes


def rows_of_sources(dest_uri: str, sources: Sequence[str]) -> list[TrackRow]:
    """All rows of these objects, of every model."""
    table = CatalogTable.open(dest_uri)
    return [row for source in sources for row in table.find(source)]


def superseded_rows(dest_uri: str, grace: timedelta) -> list[TrackRow]:
    """Done rows that another model's have stood in for longer than the grace period."""
    table = CatalogTable.open(dest_uri)
    return list(table.rows_of_keys(table.superseded(datetime.now(UTC) - grace)))


def remove_tracks(
    dest_uri: str,
    rows: Sequence[TrackRow],
    *,
    reason: str,
    settle_seconds: float = SETTLE_SECONDS,
) -> dict[str, Any]:
    """Removes rows and their stems; returns the receipt, with its own URI. Raises StoreError."""
    now = datetime.now(UTC)
    name = f"{reason}-{now:%Y%m%dT%H%M%SZ}-{uuid4().hex[:8]}.json"
    uri = join(canonical_uri(dest_uri), "receipts", name)
    receipt: dict[str, Any] = {
        "reason": reason,
        "begun_at": now.isoformat(),
        "finished_at": None,
        "tracks": [_described(row) for row in rows],
    }
    _put(receipt, uri)
    receipt["rows_removed"] = CatalogTable.open(dest_uri).remove(rows)
    orphans = [Orphan(held) for held in _attempts(rows)]
    receipt["attempts_removed"] = remove_orphans(dest_uri, orphans, settle_seconds=settle_seconds)
    receipt["attempts_kept_for_other_rows"] = len(orphans) - receipt["attempts_removed"]
    receipt["finished_at"] = datetime.now(UTC).isoformat()
    _put(receipt, uri)
    return {**receipt, "uri": uri}


def _put(receipt: Mapping[str, Any], uri: str) -> None:
    put_bytes(canonical_json(receipt).encode(), uri)


def _described(row: TrackRow) -> dict[str, Any]:
    stems = [{"uri": s.uri, "sha256": s.sha256, "bytes": s.bytes} for s in row.stems]
    columns = ("source_uri", "source_etag", "content_sha256", "model_fingerprint", "status")
    return {**{name: getattr(row, name) for name in columns}, "stems": stems}


def _attempts(rows: Sequence[TrackRow]) -> list[HeldAttempt]:
    prefixes = {
        stem.uri.rpartition("/")[0]: Shard(row.model_fingerprint[:12], (row.work_id or "")[:2])
        for row in rows
        for stem in row.stems
    }
    held = []
    for prefix, shard in prefixes.items():
        objects = {found.uri.rpartition("/")[2]: found for found in list_below(prefix)}
        if objects:
            held.append(HeldAttempt(shard, prefix, objects))
    return held
