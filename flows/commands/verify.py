"""`lasaft-stems verify`: does the table tell the truth about the stems?"""

import argparse
from collections.abc import Iterator
from typing import Any

from flows.commands.console import complain, say, say_json
from flows.commands.periods import HOUR, period
from lasaft_core.catalog import queries
from lasaft_core.catalog.orphans import PORTION, remove_orphans
from lasaft_core.catalog.rebuilding import rebuild
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.catalog.verification import (
    BrokenRow,
    Orphan,
    Tally,
    Undescribed,
    describe,
    verify,
    withdraw,
)
from lasaft_core.storage import canonical_uri, check_source, list_objects


def run(arguments: argparse.Namespace) -> int:
    """Code 1 where something is wrong and was not repaired."""
    grace = period("--grace-hours", arguments.grace_hours, HOUR)
    check_source(arguments.dest)
    facts: dict[str, Any] = {"dest": canonical_uri(arguments.dest)}
    if arguments.rebuild:
        facts["rows_rebuilt"] = rebuild(arguments.dest)
    facts |= _compared(arguments, grace.total_seconds())
    if arguments.source:
        facts["sources_gone"] = list(_sources_gone(arguments.dest, arguments.source))
    _tell(facts, as_json=arguments.json)
    found = facts["broken"] or facts["undescribed"] or facts["orphans"]
    return int(bool(found) and not arguments.repair)


def _compared(arguments: argparse.Namespace, grace_seconds: float) -> dict[str, Any]:
    """What is wrong, and repaired a portion at a time if it is to be."""
    facts: dict[str, Any] = {"broken": [], "undescribed": [], "orphans": []}
    if arguments.repair:
        facts |= {"rows_withdrawn": 0, "descriptions_put": 0, "orphans_removed": 0}
    tally = Tally()
    found = verify(arguments.dest, tally, deep=arguments.deep, grace_seconds=grace_seconds)
    for portion in queries.portions(found, PORTION):
        broken = [finding for finding in portion if isinstance(finding, BrokenRow)]
        undescribed = [finding for finding in portion if isinstance(finding, Undescribed)]
        orphans = [finding for finding in portion if isinstance(finding, Orphan)]
        facts["broken"] += map(_broken_facts, broken)
        facts["undescribed"] += [item.prefix for item in undescribed]
        facts["orphans"] += [item.attempt.prefix for item in orphans]
        if arguments.repair:
            facts["rows_withdrawn"] += withdraw(arguments.dest, broken)
            facts["descriptions_put"] += describe(arguments.dest, undescribed)
            facts["orphans_removed"] += remove_orphans(arguments.dest, orphans)
    return facts | {name: getattr(tally, name) for name in Tally.__dataclass_fields__}


def _broken_facts(found: BrokenRow) -> dict[str, str]:
    return {"source": found.row.source_uri, "stem": found.stem.uri, "fault": found.fault}


def _sources_gone(dest: str, source: str) -> Iterator[str]:
    """Objects below `source` that have a done row and are not there any more."""
    base = canonical_uri(source)
    check_source(base)
    there = {found.uri for found in list_objects(base)}
    uris = CatalogTable.open(dest).ask(queries.done_sources)
    yield from sorted({u for u in uris if f"{u}/".startswith(f"{base}/") and u not in there})


def _tell(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(facts)
        return
    for item in facts["broken"]:
        complain(f"{item['source']}: {item['stem']}: {item['fault']}")
    for prefix in facts["undescribed"]:
        complain(f"{prefix} has lost its track.json")
    for prefix in facts["orphans"]:
        complain(f"no row points to {prefix}")
    for uri in facts.get("sources_gone", ()):
        complain(f"{uri} is gone; its stems stay until `lasaft-stems forget` removes them")
    if "rows_rebuilt" in facts:
        say(f"{facts['rows_rebuilt']} rows rebuilt")
    say(
        f"{facts['rows']} rows with {facts['stems']} stems, {len(facts['broken'])} of them broken; "
        f"{facts['attempts']} attempts, {len(facts['orphans'])} orphans, "
        f"{facts['young_attempts']} too young to tell, "
        f"{len(facts['undescribed'])} without their track.json"
    )
    if "rows_withdrawn" in facts:
        say(
            f"{facts['rows_withdrawn']} rows withdrawn, the next run does them again; "
            f"{facts['descriptions_put']} track.json put anew, "
            f"{facts['orphans_removed']} orphans removed"
        )
