"""`lasaft-stems status`: what a destination's table holds, from storage alone."""

import argparse
from collections import Counter
from collections.abc import Sequence
from itertools import chain, groupby
from typing import Any

from flows.commands.console import say, say_json
from flows.progress import clock
from lasaft_core.catalog.queries import StatusCount
from lasaft_core.catalog.rows import STATUSES, TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.storage import check_source

NOT_DONE = ("quarantined", "failed", "skipped")
ROWS_SHOWN = 20
ROWS_IN_JSON = 10_000


def run(arguments: argparse.Namespace) -> int:
    check_source(arguments.dest)
    table = CatalogTable.open(arguments.dest)
    if arguments.json:
        say_json(_facts(table))
    elif table.version is None:
        say(f"no songs yet: there is no table at {table.uri}")
    else:
        _describe(table)
    return 0


def _undone(table: CatalogTable, limit: int) -> list[TrackRow]:
    return list(chain.from_iterable(table.rows(status=s, limit=limit) for s in NOT_DONE))


def _totals(counts: Sequence[StatusCount]) -> dict[str, int]:
    totals = Counter(dict.fromkeys(STATUSES, 0))
    for count in counts:
        totals[count.status] += count.tracks
    return dict(totals)


def _facts(table: CatalogTable) -> dict[str, Any]:
    counts = table.counts()
    return {
        "table": table.uri,
        "version": table.version,
        **_totals(counts),
        "counts": [
            {name: getattr(count, name) for name in StatusCount.__dataclass_fields__}
            for count in counts
        ],
        "failures": [
            {
                "source": row.source_uri,
                "model_fingerprint": row.model_fingerprint,
                "status": row.status,
                "reason": row.reason,
                "stage": row.stage,
                "message": row.error_message,
            }
            for row in _undone(table, ROWS_IN_JSON)
        ],
    }


def _describe(table: CatalogTable) -> None:
    counts = sorted(table.counts(), key=lambda count: count.model_fingerprint)
    for fingerprint, group in groupby(counts, key=lambda count: count.model_fingerprint):
        say(f"model {fingerprint[:12]}")
        for count in sorted(group, key=lambda c: (STATUSES.index(c.status), -c.tracks)):
            label = f"{count.status} ({count.reason})" if count.reason else count.status
            say(f"  {label}: {count.tracks} songs, {clock(count.audio_seconds)} of audio")
    rows = _undone(table, ROWS_SHOWN)
    several = len({count.model_fingerprint for count in counts}) > 1
    for row in rows:
        model = f"model {row.model_fingerprint[:12]}: " if several else ""
        say(f"{model}{row.status} {row.reason}: {row.source_uri}: {row.error_message}")
    hidden = sum(c.tracks for c in counts if c.status in NOT_DONE) - len(rows)
    if hidden > 0:
        say(f"... and {hidden} more, see --json")
