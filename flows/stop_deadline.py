"""A run that is told to stop ends within its time, even where a store does not answer.

    stop is set -> drain, 10 s at most -> publish what is finished -> free the claims -> 16 s: end

Calls to the store run in a thread of their own. While nobody stops the run they are waited for,
whatever they take; at the deadline they are left behind, since a thread in foreign code can't be
interrupted, and nothing else is asked of the store, since two threads must not share a table.
Nothing is lost by it: the next run adopts stems that have no row.
"""

import threading
from collections.abc import Callable
from contextvars import copy_context
from time import monotonic
from typing import Final, TypeVar

from lasaft_core.errors import StoreError

DRAIN_SECONDS: Final = 10.0
END_SECONDS: Final = 16.0
_POLL_SECONDS: Final = 0.2
Answer = TypeVar("Answer")


class StopDeadline:
    """`look` often enough: the time runs from when `stop` was first seen."""

    def __init__(self, stop: threading.Event, seconds: float = END_SECONDS) -> None:
        self._stop, self._seconds = stop, seconds
        self._stopped_at: float | None = None
        self._is_left_behind = False  # a call that did not answer

    def look(self) -> bool:
        """Whether the time is up."""
        if self._stopped_at is None and self._stop.is_set():
            self._stopped_at = monotonic()
        return self._stopped_at is not None and monotonic() - self._stopped_at > self._seconds

    def within(self, action: Callable[[], Answer]) -> Answer:
        """What the action gives or raises; StoreError at the deadline, and from then on."""
        if self._is_left_behind:
            raise _unanswered()
        answers: list[Answer] = []
        errors: list[BaseException] = []

        def act() -> None:
            try:
                answers.append(action())
            except BaseException as error:  # noqa: BLE001  raised again by who waits for it
                errors.append(error)

        thread = threading.Thread(target=copy_context().run, args=(act,), daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(_POLL_SECONDS)
            if self.look() and thread.is_alive():
                self._is_left_behind = True
                raise _unanswered()
        if errors:
            raise errors[0]
        return answers[0]


def _unanswered() -> StoreError:
    return StoreError("the store did not answer before the run had to end")
