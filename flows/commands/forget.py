"""`lasaft-stems forget`: removes what was made of source objects, and leaves a receipt."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.commands.console import complain, say, say_json
from flows.commands.periods import warn_of_history
from lasaft_core.catalog import history
from lasaft_core.catalog.removal import finish_removals, remove_tracks, rows_of_sources
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.storage import canonical_uri, check_dest


def run(arguments: argparse.Namespace) -> int:
    """Code 1 where the table knows none of the objects."""
    check_dest(arguments.dest)
    for receipt in finish_removals(arguments.dest):
        complain(f"finished a removal that was broken off; receipt: {receipt['uri']}")
    rows = _known_rows(arguments)
    receipt = remove_tracks(arguments.dest, rows, reason="forget") if rows else {}
    until = datetime.now(UTC) + history.KEPT
    if arguments.erase_history:
        warn_of_history(timedelta(0))
        CatalogTable.open(arguments.dest).vacuum(timedelta(0))
        until = datetime.now(UTC)
    if receipt and arguments.json:
        say_json({**receipt, "in_history_until": until.isoformat()})
    elif receipt:
        _tell(receipt, None if arguments.erase_history else until)
    return int(not rows)


def _known_rows(arguments: argparse.Namespace) -> list[TrackRow]:
    sources = [canonical_uri(source) for source in arguments.sources]
    rows = rows_of_sources(arguments.dest, sources)
    for source in sources:
        if all(row.source_uri != source for row in rows):
            complain(f"{source}: not in the table of {arguments.dest}")
    return rows


def _tell(receipt: Mapping[str, Any], until: datetime | None) -> None:
    kept = receipt["attempts_kept_for_other_rows"]
    say(
        f"{receipt['rows_removed']} rows and the stems of {receipt['attempts_removed']} of "
        f"them removed{f', {kept} kept for other objects' if kept else ''}; "
        f"receipt: {receipt['uri']}"
    )
    if until is None:
        say("no version of the table shows them any more")
    else:
        say(
            f"older versions of the table show them until {until:%Y-%m-%d %H:%M} UTC and the next "
            "run with songs to do or `prune --remove` after it; --erase-history takes them at once"
        )
