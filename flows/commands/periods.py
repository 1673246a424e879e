"""Lengths of time that are given as numbers, checked."""

from datetime import timedelta
from typing import Final

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
