"""A training's course on screen: a bar where a person looks on, plain log lines elsewhere."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from flows.progress import LOG_INTERVAL_SECONDS, LinesAboveBar, logging_to
from lasaft_core.training.observers import Observer
from lasaft_core.training.validation import Validation

logger = logging.getLogger(__name__)


class Lines:
    """Every validation, and a loss every ten seconds."""

    def __init__(self) -> None:
        self._next_seconds = 0.0

    def on_loss(self, step: int, loss: float, rate: float) -> None:
        if time.monotonic() >= self._next_seconds:
            self._next_seconds = time.monotonic() + LOG_INTERVAL_SECONDS
            logger.info("step=%d loss=%.5f rate=%.2e", step, loss, rate)

    def on_validation(self, step: int, validation: Validation, *, is_best: bool) -> None:
        ratios = " ".join(f"{t}={value:.2f}" for t, value in validation.sdr_db.items())
        note = " best" if is_best else ""
        logger.info("step=%d l1=%.5f sdr_db: %s%s", step, validation.mean_l1, ratios, note)


class Bar(Lines):
    """The bar, with the last loss beside it; validations as lines above it."""

    def __init__(self, progress: Progress, step: int, max_steps: int | None) -> None:
        super().__init__()
        self._progress = progress
        self._task = progress.add_task("", total=max_steps, completed=step, note="")

    def on_loss(self, step: int, loss: float, rate: float) -> None:
        self._progress.update(self._task, completed=step, note=f"loss {loss:.4f} rate {rate:.1e}")


@contextmanager
def training_screen(step: int, max_steps: int | None) -> Iterator[Observer]:
    """The bar or the lines, whichever stderr calls for."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with logging_to(logging.StreamHandler(console.file), logging.INFO):
            yield Lines()
        return
    columns = (
        TextColumn("step"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with (
        logging_to(LinesAboveBar(console), logging.INFO),
        Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress,
    ):
        yield Bar(progress, step, max_steps)
