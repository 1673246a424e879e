"""Lengths of time that are given as numbers, checked."""

from datetime import timedelta
from typing import Final

from flows.commands.console import complain
from lasaft_core.catalog import history
from lasaft_core.errors import InvalidOption

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
LONGEST: Final = timedelta(days=36500)


def period(option: str, count: float, unit: timedelta) -> timedelta:
    """Raises InvalidOption for what is negative, no number or longer than a century."""
    most = LONGEST / unit
    if not 0 <= count <= most:  # also where it is NaN
        raise InvalidOption(option, expected=f"0 to {most:.0f}", got=count)
    return count * unit


def warn_of_history(kept: timedelta) -> None:
    """Before older versions of a table go sooner than others count on."""
    if kept < history.KEPT:
        complain(
            "versions of the table that are younger than a week go, too: whoever is reading one "
            "has to begin again"
        )
