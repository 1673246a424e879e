"""Taking attempts out of the store that no row points to, beside runs that may be at work.

    no row?  ->  description goes  ->  settle  ->  still no row?  ->  the rest goes
                 (nobody can adopt                  a row by now: described anew
                  it from here on)

Whoever had begun to adopt an attempt has committed once it is settled. All attempts that are given
are in memory, a few kilobytes each, and settle together: of many give a portion at a time.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from lasaft_core.catalog import queries
from lasaft_core.catalog.holdings import HeldAttempt
from lasaft_core.catalog.publication import TRACK_JSON
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.catalog.verification import (
    Orphan,
    prefixes_of,
    put_description,
    stems_of,
)
from lasaft_core.storage import join, remove

SETTLE_SECONDS: Final = 60.0  # longer than a run takes from adopting an attempt to its row
PORTION: Final = 5000
"""As many attempts or rows as are worth a pause of their own."""

_THREADS: Final = 16  # of which each waits for the store nearly all the time
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def remove_orphans(
    dest_uri: str, orphans: Sequence[Orphan], *, settle_seconds: float = SETTLE_SECONDS
) -> int:
    """Takes orphans out of the store, but none that a row points to; returns how many. Raises
    StoreError, StoreUnavailable."""
    table = CatalogTable.open(dest_uri)
    given = [orphan.attempt for orphan in orphans]
    loose = _without_rows(table, given)
    withheld = {held.prefix for held in loose if held.is_described}
    in_threads(_withhold, withheld)
    if withheld:
        time.sleep(settle_seconds)
    going = _without_rows(table, loose)
    in_threads(remove_attempt, going)
    gone = {held.prefix for held in going}
    kept = [held for held in given if held.prefix not in gone]
    _describe_anew(table, [h for h in kept if h.prefix in withheld or not h.is_described])
    return len(going)


def remove_attempt(held: HeldAttempt) -> None:
    """All its objects, the description first."""
    for name in sorted(held.objects, key=lambda name: name != TRACK_JSON):
        remove(held.objects[name].uri)


def in_threads(ask: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
    """The answers in order. The first error is raised as soon as its turn comes, what has not
    begun by then is left."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(ask, items))


def _withhold(prefix: str) -> None:
    remove(join(prefix, TRACK_JSON))


def _without_rows(table: CatalogTable, attempts: Sequence[HeldAttempt]) -> list[HeldAttempt]:
    """Those that no row points to."""
    live = set[str]()
    for few in queries.portions({held.work_id for held in attempts}, queries.KEYS_PER_QUERY):
        live |= prefixes_of(table.ask(partial(queries.stems_of_works, works=few)))
    return [held for held in attempts if held.prefix not in live]


def _describe_anew(table: CatalogTable, attempts: Sequence[HeldAttempt]) -> None:
    """Those that a row points to."""
    lacking = {held.prefix for held in attempts}
    for few in queries.portions({held.work_id for held in attempts}, queries.KEYS_PER_QUERY):
        rows = table.ask(partial(queries.rows_of_works, works=few))
        pointing = {prefix: row for row in rows for prefix in prefixes_of(stems_of([row]))}
        for prefix in pointing.keys() & lacking:
            put_description(pointing[prefix], prefix)
