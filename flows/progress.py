"""Progress in audio time: a bar where a person looks on, plain log lines elsewhere.

Both write to stderr, so that stdout stays free for results.
"""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from lasaft_core.plain_text import one_line

LOG_INTERVAL_SECONDS = 10.0
LINE_FORMAT = "%(asctime)s %(levelname)s %(message)s"
PACKAGES = ("flows", "ray_actors", "lasaft_core")

logger = logging.getLogger(__name__)


class AudioProgress(Protocol):
    """Told how much audio of how much is done; a total of None is not known yet."""

    def update(
        self, done_seconds: float, total_seconds: float | None, *, note: str = ""
    ) -> None: ...

    def aside(self) -> AbstractContextManager[None]:
        """The time to write lines of one's own, which nothing is drawn over."""
        ...


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

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Rich's own redirection would break long lines at the terminal's width."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()


class LinesAboveBar(logging.Handler):
    """Log lines as they are: no line breaks, colours or markup of rich's own."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self._console.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)


class LineFormatter(logging.Formatter):
    """One line a record, whatever the names in it hold; a traceback keeps its own lines."""

    def __init__(self) -> None:
        super().__init__(LINE_FORMAT, datefmt="%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's own name
        record.message = one_line(record.message)
        return super().formatMessage(record)


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

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()


@contextmanager
def logging_to(handler: logging.Handler, level: int) -> Iterator[None]:
    """The project's lines from `level` on, other libraries' warnings; as before at the end."""
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, PACKAGES)]
    handlers, levels = root.handlers, [one.level for one in loggers]
    root.handlers = [handler]
    for one in loggers:
        one.setLevel(logging.WARNING if one is root else level)
    try:
        yield
    finally:
        root.handlers = handlers
        for one, before in zip(loggers, levels, strict=True):
            one.setLevel(before)


@contextmanager
def audio_progress() -> Iterator[AudioProgress]:
    """The bar or the lines, whichever stderr calls for, with the logging that goes with it."""
    if sys.stderr.isatty():
        with _terminal_bar() as bar:
            yield bar
        return
    handler = logging.StreamHandler(sys.stderr)
    with logging_to(handler, logging.INFO):
        yield LogLines()


@contextmanager
def _terminal_bar() -> Iterator[AudioProgress]:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.fields[note]}", markup=False),
        BarColumn(),
        AudioTimeColumn(),
        TimeElapsedColumn(),
    )
    with (
        logging_to(LinesAboveBar(console), logging.WARNING),
        Progress(
            *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        ) as progress,
    ):
        yield TerminalBar(progress)
