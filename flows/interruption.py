"""Signals that end a run in order: what is done is published, then the report is written.

The first SIGINT or SIGTERM sets an event that the run looks at; a second SIGINT interrupts at
once. Without it Ray or Prefect would end the process on the spot.
"""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Context manager that owns the handlers for as long as a run lasts."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._in_main_thread = threading.current_thread() is threading.main_thread()
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}

    def __enter__(self) -> Self:
        if self._in_main_thread:  # signals reach no other
            for number in _SIGNALS:
                signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._in_main_thread:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._stop.set()
