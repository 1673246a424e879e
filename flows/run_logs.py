"""The project's own log records, sent to the flow run's page in Prefect."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.logging.handlers import APILogHandler

from flows.progress import PACKAGES
from lasaft_core.plain_text import one_line

LINES_PER_SECOND = 5


class RunLogFilter(logging.Filter):
    """Names the flow run, also for threads outside its context, defuses names, limits the rate.

    Warnings always pass; a catalog's hundred thousand INFO lines would choke the API.
    """

    def __init__(self, flow_run_id: str, lines_per_second: int = LINES_PER_SECOND) -> None:
        super().__init__()
        self._flow_run_id, self._lines_per_second = flow_run_id, lines_per_second
        self._second, self._lines = 0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        record.flow_run_id = self._flow_run_id
        record.msg, record.args = one_line(record.getMessage()), ()
        if record.levelno >= logging.WARNING:
            return True
        second = int(time.monotonic())
        self._lines = self._lines + 1 if second == self._second else 1
        self._second = second
        return self._lines <= self._lines_per_second


@contextmanager
def forwarded_logs(flow_run_id: str) -> Iterator[None]:
    """Flushes at the end, else the last lines of a short-lived process never arrive."""
    handler = APILogHandler(level=logging.INFO)
    handler.addFilter(RunLogFilter(flow_run_id))
    loggers = [logging.getLogger(package) for package in PACKAGES]
    levels = [package.level for package in loggers]
    for package in loggers:
        package.addHandler(handler)
        package.setLevel(logging.INFO)
    try:
        yield
    finally:
        for package, level in zip(loggers, levels, strict=True):
            package.removeHandler(handler)
            package.setLevel(level)
        handler.flush()
