"""`lasaft-stems forget`: removes what was made of source objects, and leaves a receipt."""

import argparse

from flows.commands.console import complain, say, say_json
from lasaft_core.catalog.removal import remove_tracks, rows_of_sources
from lasaft_core.storage import canonical_uri, check_dest


def run(arguments: argparse.Namespace) -> int:
    """Code 1 where the table knows none of the objects."""
    check_dest(arguments.dest)
    sources = [canonical_uri(source) for source in arguments.sources]
    rows = rows_of_sources(arguments.dest, sources)
    for source in sources:
        if all(row.source_uri != source for row in rows):
            complain(f"{source}: not in the table of {arguments.dest}")
    if not rows:
        return 1
    receipt = remove_tracks(arguments.dest, rows, reason="forget")
    if arguments.json:
        say_json(receipt)
    else:
        kept = receipt["attempts_kept_for_other_rows"]
        say(
            f"{receipt['rows_removed']} rows and the stems of {receipt['attempts_removed']} of "
            f"them removed{f', {kept} kept for other objects' if kept else ''}; "
            f"receipt: {receipt['uri']}"
        )
    return 0
