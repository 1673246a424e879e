"""Does the table tell the truth? Rows against what the store holds, and the store against rows.

    every stem of every done row is there, of its size, and with `deep` of its hash
    the stems of every done row have their description
    every attempt is one that a row points to, or an orphan: of a crash, or forgotten

One shard is in memory at a time, so that a catalog of millions is checked in bounded space.
"""

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lasaft_core.catalog import queries
from lasaft_core.catalog.holdings import HeldAttempt, Shard, attempts_by_shard
from lasaft_core.catalog.publication import TRACK_JSON, description, stems_uri
from lasaft_core.catalog.rows import StemRow, TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import SourceGone, UsageError
from lasaft_core.storage import exists, fetch, join, put_bytes, remove, stat

GRACE_SECONDS: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A done row of which a stem is not what it says."""

    row: TrackRow
    stem: StemRow
    fault: str


@dataclass(frozen=True, slots=True)
class Undescribed:
    """An attempt without a `track.json` to whose stems, which are all there, this row points: no
    run can adopt it for other objects of the same bytes, and no row be rebuilt from it."""

    row: TrackRow
    prefix: str


@dataclass(frozen=True, slots=True)
class Orphan:
    """An attempt that no row points to, older than the grace period."""

    attempt: HeldAttempt


Finding = BrokenRow | Undescribed | Orphan


@dataclass(slots=True)
class Tally:
    """What has been looked at."""

    rows: int = 0
    stems: int = 0
    attempts: int = 0
    young_attempts: int = 0  # without a row, but perhaps of a run that is under way


def verify(
    dest_uri: str, tally: Tally, *, deep: bool = False, grace_seconds: float = GRACE_SECONDS
) -> Iterator[Finding]:
    """All that is wrong below a destination. Raises StoreError, UsageError as `check_place` does.

    The store is listed before the table is read, shard by shard, and a track that a run publishes
    in between has stems that the listing doesn't know: what seems to be missing or of another
    size is looked at once more before it counts.
    """
    table, seen = CatalogTable.open(dest_uri), set[Shard]()
    for shard, attempts in attempts_by_shard(dest_uri):
        seen.add(shard)
        rows = _rows_of_shard(dest_uri, table, shard)
        yield from _faulty(rows, attempts, tally, deep=deep)
        yield from _orphans(rows, attempts, tally, time.time() - grace_seconds)
    for place in table.shards():
        if Shard(*place) not in seen:
            rows = _rows_of_shard(dest_uri, table, Shard(*place))
            yield from _faulty(rows, (), tally, deep=deep)


def _rows_of_shard(dest_uri: str, table: CatalogTable, shard: Shard) -> list[TrackRow]:
    rows = list(table.rows_of_shard(*shard))
    check_place(dest_uri, stems_of(rows))
    return rows


def check_place(dest_uri: str, stems: Iterable[str]) -> None:
    """Raises UsageError for stems that rows have elsewhere, as after a copy or a move, and where
    the destination is reached by another address: its attempts would all seem to be orphans, and
    what is removed by its table would be another's."""
    uri = next(elsewhere(dest_uri, stems), None)
    if uri is not None:
        raise UsageError(
            f"the table of {dest_uri}",
            expected=f"stems below {stems_uri(dest_uri)}/",
            got=uri,
            remedy="give the address that it was written under; of a copy, or after a move, "
            "take catalog/ away and make it anew with `lasaft-stems verify --rebuild`",
        )


def elsewhere(dest_uri: str, stems: Iterable[str]) -> Iterator[str]:
    """Those that are not where this destination has its stems."""
    base = stems_uri(dest_uri) + "/"
    return (uri for uri in stems if not uri.startswith(base))


def _faulty(
    rows: Sequence[TrackRow], attempts: Sequence[HeldAttempt], tally: Tally, *, deep: bool
) -> Iterator[BrokenRow | Undescribed]:
    broken = list(_broken(rows, attempts, tally, deep=deep))
    yield from broken
    lost = {found.row.key for found in broken}
    yield from _undescribed([row for row in rows if row.key not in lost], attempts)


def _broken(
    rows: Sequence[TrackRow], attempts: Sequence[HeldAttempt], tally: Tally, *, deep: bool
) -> Iterator[BrokenRow]:
    sizes = {found.uri: found.size for held in attempts for found in held.objects.values()}
    hashes: dict[str, str] = {}
    for row in rows:
        tally.rows += 1
        for stem in row.stems:
            tally.stems += 1
            fault = _fault(stem, sizes)
            if fault is None and deep:
                fault = _deep_fault(stem, hashes)
            if fault is not None:
                yield BrokenRow(row, stem, fault)


def _fault(stem: StemRow, sizes: Mapping[str, int]) -> str | None:
    """A stem that was listed as it should be is fine; any other is asked for by itself."""
    if sizes.get(stem.uri) == stem.bytes:
        return None
    try:
        size = stat(stem.uri).size
    except SourceGone:
        return "missing"
    return None if size == stem.bytes else f"{size} bytes, not {stem.bytes}"


def _deep_fault(stem: StemRow, hashes: dict[str, str]) -> str | None:
    if stem.uri not in hashes:
        with tempfile.TemporaryDirectory(prefix="lasaft-") as scratch:
            try:
                hashes[stem.uri] = fetch(stem.uri, Path(scratch) / "stem").sha256
            except SourceGone:
                return "missing"
    return None if hashes[stem.uri] == stem.sha256 else "other bytes than were published"


def _undescribed(
    rows: Sequence[TrackRow], attempts: Sequence[HeldAttempt]
) -> Iterator[Undescribed]:
    described = {held.prefix for held in attempts if held.is_described}
    by_prefix = {prefix: row for row in rows for prefix in prefixes_of(stems_of([row]))}
    for prefix, row in by_prefix.items():
        if prefix not in described and not exists(join(prefix, TRACK_JSON)):
            yield Undescribed(row, prefix)


def _orphans(
    rows: Sequence[TrackRow], attempts: Sequence[HeldAttempt], tally: Tally, oldest: float
) -> Iterator[Orphan]:
    live = prefixes_of(stems_of(rows))
    for held in attempts:
        tally.attempts += 1
        if held.prefix not in live:
            if held.mtime <= oldest:
                yield Orphan(held)
            else:
                tally.young_attempts += 1


def stems_of(rows: Iterable[TrackRow]) -> Iterator[str]:
    """Addresses of all their stems."""
    return (stem.uri for row in rows for stem in row.stems)


def prefixes_of(stems: Iterable[str]) -> set[str]:
    """The attempts that these stems belong to."""
    return {uri.rpartition("/")[0] for uri in stems}


def withdraw(dest_uri: str, broken: Sequence[BrokenRow]) -> int:
    """Rows whose stems are lost become failed, so that nobody reads them and the next run does
    the tracks again; returns how many. What is left of their attempts can't be adopted any more."""
    faults: dict[tuple[str, str], list[BrokenRow]] = {}
    for found in broken:
        faults.setdefault(found.row.key, []).append(found)
    for prefix in prefixes_of(found.stem.uri for found in broken):
        remove(join(prefix, TRACK_JSON))
    rows = [
        replace(
            found[0].row,
            status="failed",
            reason="stems_lost",
            error_type="PublicationMismatch",
            error_message="; ".join(f"{f.stem.target}: {f.fault}" for f in found),
            stage="verify",
        )
        for found in faults.values()
    ]
    return CatalogTable.open(dest_uri).withdraw(rows)


def describe(dest_uri: str, undescribed: Sequence[Undescribed]) -> int:
    """Puts lost descriptions anew, made of the rows that still point there; returns how many."""
    table, put = CatalogTable.open(dest_uri), 0
    for few in queries.portions(undescribed, queries.KEYS_PER_QUERY):
        live = prefixes_of(stems_of(table.rows_of_keys([found.row.key for found in few])))
        lacking = [found for found in few if found.prefix in live]
        for found in lacking:
            put_description(found.row, found.prefix)
        put += len(lacking)
    return put


def put_description(row: TrackRow, prefix: str) -> None:
    """That of the attempt which the row points to."""
    sizes = {stem.uri.rpartition("/")[2]: stem.bytes for stem in row.stems}
    text = description(replace(row, committed_at=None).to_dict(), sizes)
    put_bytes(text, join(prefix, TRACK_JSON))
