"""What must hold at the end of the demo; anything else is told and costs the exit code."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.run_records import RunReport
from infra.demo.catalog import BROKEN_KEY, DUPLICATE_KEY, MENU_KEY, Song
from lasaft_core import storage

TARGETS = frozenset({"vocals", "drums", "bass", "other"})

Row = Mapping[str, Any]


def table_complaints(source: str, songs: Sequence[Song], rows: Sequence[Row]) -> list[str]:
    """One line for each row that is not as it must be; empty when all is well."""
    by_uri = {row["source_uri"]: row for row in rows}
    found = [line for song in songs for line in _about_song(song.key, source, by_uri)]
    found += _about_duplicate(source, by_uri)
    if len(rows) != len(songs):
        found.append(f"the table has {len(rows)} rows for {len(songs)} objects")
    return found


def run_complaints(first: RunReport, second: RunReport) -> list[str]:
    """The first run must end by itself with the network used, the second must do nothing."""
    found = [f"a run was stopped: {run.stopped}" for run in (first, second) if run.stopped]
    if not first.windows:
        found.append("the first run computed nothing")
    if second.windows or second.source_bytes_read or second.finished:
        found.append(
            f"the second run did something: {second.finished} songs, {second.windows} windows, "
            f"{second.source_bytes_read} source bytes"
        )
    return found


def _about_song(key: str, source: str, by_uri: Mapping[str, Row]) -> list[str]:
    row = by_uri.get(storage.canonical_uri(storage.join(source, key)))
    if row is None:
        return [f"{key}: no row"]
    if key == BROKEN_KEY:
        fine = row["status"] == "failed" and row["reason"] and not row["stems"]
        return [] if fine else [f"{key}: broken, yet {row['status']}"]
    if row["status"] != "done":
        return [f"{key}: {row['status']}: {row['reason']}: {row['error_message']}"]
    targets = {stem["target"] for stem in row["stems"]}
    frames = {stem["frames"] for stem in row["stems"]}
    found = [] if targets == TARGETS else [f"{key}: stems {', '.join(sorted(targets))}"]
    return found if frames == {row["frames"]} else [*found, f"{key}: stems of another length"]


def _about_duplicate(source: str, by_uri: Mapping[str, Row]) -> list[str]:
    uris = [storage.canonical_uri(storage.join(source, key)) for key in (MENU_KEY, DUPLICATE_KEY)]
    pair = [by_uri[uri]["stems"] for uri in uris if uri in by_uri]
    same = len(pair) == len(uris) and pair[0] == pair[1]
    return [] if same else [f"{DUPLICATE_KEY}: does not share the stems of {MENU_KEY}"]
