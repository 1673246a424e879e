"""Progress in audio time: a bar where a person looks on, plain log lines elsewhere.

Both write to stderr, so that stdout stays free for results.
"""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

LOG_INTERVAL_SECONDS = 10.0

logger = logging.getLogger(__name__)


class AudioProgress(Protocol):
    """Told how much audio of how much is done; a total of None is not known yet."""

    def update(
        self, done_seconds: float, total_seconds: float | None, *, note: str = ""
    ) -> None: ...


def clock(seconds: float) -> str:
    """65.4 -> "1:05", 3700 -> "1:01:40"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class AudioTimeColumn(ProgressColumn):
    """Done and total in audio time, and how many times faster than listening that is."""

    def render(self, task: Task) -> Text:
        total = "?" if task.total is None else clock(task.total)
        speed = f"{task.completed / task.elapsed:.1f}x" if task.elapsed else "-"
        return Text(f"{clock(task.completed)} / {total} of audio, {speed}")


class TerminalBar:
    """A rich progress bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, note="")

    def update(self, done_seconds: float, total_seconds: float | None, *, note: str = "") -> None:
        self._progress.update(
            self._task, completed=done_seconds, total=total_seconds, note=note, refresh=False
        )


class LogLines:
    """One line every ten seconds."""

    def __init__(self, interval_seconds: float = LOG_INTERVAL_SECONDS) -> None:
        self._interval_seconds = interval_seconds
        self._next_seconds = time.monotonic() + interval_seconds

    def update(self, done_seconds: float, total_seconds: float | None, *, note: str = "") -> None:
        if time.monotonic() < self._next_seconds:
            return
        self._next_seconds = time.monotonic() + self._interval_seconds
        total = "?" if total_seconds is None else clock(total_seconds)
        logger.info("audio_done=%s audio_total=%s %s", clock(done_seconds), total, note)


def _log_to(handler: logging.Handler, level: int, line_format: str) -> None:
    handler.setFormatter(logging.Formatter(line_format, datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for package in ("flows", "ray_actors", "lasaft_core"):
        logging.getLogger(package).setLevel(level)


@contextmanager
def audio_progress() -> Iterator[AudioProgress]:
    """The bar or the lines, whichever stderr calls for; sets up the logging that goes with it."""
    if not sys.stderr.isatty():
        line_format = "%(asctime)s %(levelname)s %(message)s"
        _log_to(logging.StreamHandler(sys.stderr), logging.INFO, line_format)
        yield LogLines()
        return
    console = Console(stderr=True)
    _log_to(RichHandler(console=console, show_path=False), logging.WARNING, "%(message)s")
    columns = (
        TextColumn("{task.fields[note]}", markup=False),
        BarColumn(),
        AudioTimeColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield TerminalBar(progress)
