"""`lasaft-stems prune`: removes the stems of models that others have taken the place of, and the
table's older versions."""

import argparse
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from flows.commands.console import say, say_json
from flows.commands.periods import DAY, period, warn_of_history
from lasaft_core.catalog.removal import count_superseded, finish_removals, prune
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import InvalidOption
from lasaft_core.storage import check_dest, check_source


def run(arguments: argparse.Namespace) -> int:
    before = datetime.now(UTC) - period("--grace-days", arguments.grace_days, DAY)
    kept = period("--history-days", arguments.history_days, DAY)
    if arguments.limit is not None and arguments.limit < 0:
        raise InvalidOption("--limit", expected="0 or more", got=arguments.limit)
    check = check_dest if arguments.remove else check_source
    check(arguments.dest)
    facts = _counted(arguments, before)
    if arguments.remove:
        facts["receipts"] = list(_removed(arguments, before))
        warn_of_history(kept)
    table = CatalogTable.open(arguments.dest)
    facts["history_files"] = table.vacuum(kept, dry_run=not arguments.remove)
    if arguments.json:
        say_json(facts)
    else:
        _tell(facts, verb="removed" if arguments.remove else "would go; --remove takes them away")
    return 0


def _counted(arguments: argparse.Namespace, before: datetime) -> dict[str, Any]:
    models = count_superseded(arguments.dest, before, limit=arguments.limit)
    return {
        "rows": sum(model.rows for model in models),
        "bytes": sum(model.bytes for model in models),
        "models": {model.model_fingerprint[:12]: model.rows for model in models},
    }


def _removed(arguments: argparse.Namespace, before: datetime) -> Iterator[str]:
    """Addresses of the receipts, each told as soon as it is complete."""
    finished = finish_removals(arguments.dest)
    for receipt in chain(finished, prune(arguments.dest, before, limit=arguments.limit)):
        if not arguments.json:
            say(f"{receipt['rows_removed']} rows removed; receipt: {receipt['uri']}")
        yield receipt["uri"]


def _tell(facts: Mapping[str, Any], *, verb: str) -> None:
    for model, count in facts["models"].items():
        say(f"model {model}: {count} songs superseded")
    say(
        f"{facts['rows']} rows with {facts['bytes'] / 1e9:.2f} GB of stems and "
        f"{facts['history_files']} files of older versions of the table {verb}"
    )
