"""Waiting for what another thread or process does."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

T = TypeVar("T")


def eventually(
    read: Callable[[], T],
    is_enough: Callable[[T], object] = bool,
    *,
    seconds: float = 120.0,
) -> T:
    """The first reading that is enough. Fails with the last one when none was in `seconds`, which
    should be so many that they are only spent on a failure."""
    limit = monotonic() + seconds
    while not is_enough(found := read()):
        assert monotonic() < limit, f"after {seconds} s still {found!r}"
        sleep(0.05)
    return found
