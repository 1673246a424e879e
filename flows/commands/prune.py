"""`lasaft-stems prune`: removes the stems of models that others have taken the place of."""

import argparse
from collections import Counter

from flows.commands.console import say, say_json
from flows.commands.periods import DAY, period
from lasaft_core.catalog.removal import remove_tracks, superseded_rows
from lasaft_core.storage import check_dest, check_source


def run(arguments: argparse.Namespace) -> int:
    grace = period("--grace-days", arguments.grace_days, DAY)
    check = check_dest if arguments.remove else check_source
    check(arguments.dest)
    rows = superseded_rows(arguments.dest, grace)
    models = Counter(row.model_fingerprint[:12] for row in rows)
    size = sum(stem.bytes for row in rows for stem in row.stems)
    facts: dict[str, object] = {"rows": len(rows), "bytes": size, "models": dict(models)}
    if arguments.remove and rows:
        facts["receipt"] = remove_tracks(arguments.dest, rows, reason="prune")["uri"]
    if arguments.json:
        say_json(facts)
        return 0
    for model, count in models.items():
        say(f"model {model}: {count} songs superseded")
    verb = "removed" if arguments.remove else "would go; --remove takes them away"
    say(f"{len(rows)} rows with {size / 1e9:.2f} GB of stems {verb}")
    if "receipt" in facts:
        say(f"receipt: {facts['receipt']}")
    return 0
