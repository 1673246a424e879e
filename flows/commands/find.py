"""`lasaft-stems find`: the stems of one source object, from storage alone."""

import argparse

from flows.commands.console import complain, say, say_json
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.storage import canonical_uri, check_source


def run(arguments: argparse.Namespace) -> int:
    """Code 1 where the object has no stems, from any model."""
    check_source(arguments.dest)
    source = canonical_uri(arguments.source)
    rows = CatalogTable.open(arguments.dest).find(source)
    if arguments.json:
        say_json({"source": source, "rows": [row.to_dict() for row in rows]})
    else:
        for row in rows:
            _describe(row)
    if not rows:
        complain(f"{source}: not in the table of {arguments.dest}")
    return int(not any(row.stems for row in rows))


def _describe(row: TrackRow) -> None:
    if row.status != "done":
        complain(f"{row.source_uri}: {row.status} ({row.reason}): {row.error_message}")
        return
    say(f"model {row.model_name} {row.model_fingerprint[:12]}, committed {row.committed_at}")
    for stem in row.stems:
        say(f"  {stem.target}: {stem.uri}")
