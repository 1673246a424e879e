"""What the table's older versions are made of, and how it goes.

A commit that replaces rows leaves the files that held them, which readers of older versions need,
and a commit that was lost leaves files that no version names. Which files may go:

    named by no version      when older than a week, since a commit under way may be about to
    replaced by a commit     when that was as long ago as is asked for, if need be at once
"""

import math
from collections.abc import Set
from datetime import timedelta
from functools import partial
from typing import Final

from deltalake import DeltaTable

KEPT: Final = timedelta(days=7)
"""How long Delta Lake keeps replaced files where the table's properties say nothing else."""


def vacuum(table: DeltaTable, names: Set[str], kept: timedelta, *, dry_run: bool) -> int:
    """How many of its files, by `names`, went, or with `dry_run` would. Whoever reads a version
    that is older than `kept` loses it; no commit that is under way loses anything."""
    hours = _hours(kept) if kept > KEPT else None  # None: as the table's properties say
    gone = _vacuumed(table, names, hours, dry_run=dry_run, full=True)
    if kept < KEPT:
        gone |= _vacuumed(table, names, _hours(kept), dry_run=dry_run, full=False)
    return len(gone)


def _vacuumed(
    table: DeltaTable, names: Set[str], hours: int | None, *, dry_run: bool, full: bool
) -> Set[str]:
    """Delta Lake names, and commits that it removes, also what went long ago: asked first. `full`:
    also what no version names."""
    ask = partial(table.vacuum, hours, enforce_retention_duration=False, full=full)
    going = names & set(ask(dry_run=True))
    if going and not dry_run:
        ask(dry_run=False)
    return going


def _hours(period: timedelta) -> int:
    return math.ceil(period / timedelta(hours=1))
