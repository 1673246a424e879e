"""Patience with a store: what passes by itself is asked for again, anything else is told at once.

    transient   timeouts, resets, 408, 429, 500, 502, 503 (slow down), 504     faults.is_transient
    permanent   all the rest: 400, 403, 404, 412 ...

The pauses grow twofold up to a limit, each of a random length so that many workers don't come back
together. How long one request is tried depends on who asks: a run sits out a store that is away
for a minute, preflight says soon that there is none, and nobody waits once `stop` is set.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Final, TypeVar

from lasaft_core.storage.faults import is_transient

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 10.0
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request is tried, and what ends the wait early."""

    seconds: float = 100.0
    stop: Event = field(default_factory=Event)


_patience: ContextVar[Patience] = ContextVar("patience", default=Patience())  # noqa: B039  frozen


@contextmanager
def patient_for(seconds: float | None = None, *, stop: Event | None = None) -> Iterator[None]:
    """Within this context; what is not given stays as it was."""
    before = _patience.get()
    limit = before.seconds if seconds is None else seconds
    token = _patience.set(Patience(limit, stop or before.stop))
    try:
        yield
    finally:
        _patience.reset(token)


class Pauses:
    """Waits between tries. `wait` is False where the time is up, or will be by the next try."""

    def __init__(self) -> None:
        self._patience = _patience.get()
        self._until = monotonic() + self._patience.seconds
        self._longest = FIRST_PAUSE_SECONDS

    def wait(self) -> bool:
        pause = random.uniform(self._longest / 2, self._longest)  # noqa: S311  no secret
        self._longest = min(2 * self._longest, LONGEST_PAUSE_SECONDS)
        if monotonic() + pause > self._until:
            return False
        return not self._patience.stop.wait(pause)


def patiently(ask: Callable[[], Answer]) -> Answer:
    """What `ask` gives; its error when that is permanent, or the last one when time is up."""
    pauses = Pauses()
    while True:
        try:
            return ask()
        except Exception as error:
            if not is_transient(error) or not pauses.wait():
                raise
